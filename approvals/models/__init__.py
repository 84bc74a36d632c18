from approvals.models.absence import Absence
from approvals.models.claim import Claim
from approvals.models.closed_run import ClosedRun
from approvals.models.decision import Decision
from approvals.models.delivery import Delivery
from approvals.models.looking import Looking, Opening
from approvals.models.notification import (
    ChannelTrouble,
    MutedChannel,
    Notification,
    NotificationAttempt,
    QuietHours,
)
from approvals.models.on_call import (
    Escalation,
    EscalationMove,
    LadderStep,
    OnCallMember,
    OnCallOverride,
    OnCallRotation,
    OnCallSchedule,
    OnCallScheduleShift,
)
from approvals.models.push import PushSubscription
from approvals.models.request import ApprovalRequest, RequiredApprover
from approvals.models.retraction import Retraction
from approvals.models.slack import SlackPerson
from approvals.models.spent_nonce import SpentNonce
from approvals.models.webhook import StoppedWebhook

__all__ = [
    "Absence",
    "ApprovalRequest",
    "ChannelTrouble",
    "Claim",
    "ClosedRun",
    "Decision",
    "Delivery",
    "Escalation",
    "EscalationMove",
    "LadderStep",
    "Looking",
    "MutedChannel",
    "Notification",
    "NotificationAttempt",
    "OnCallMember",
    "OnCallOverride",
    "OnCallRotation",
    "OnCallSchedule",
    "OnCallScheduleShift",
    "Opening",
    "PushSubscription",
    "QuietHours",
    "RequiredApprover",
    "Retraction",
    "SlackPerson",
    "SpentNonce",
    "StoppedWebhook",
]
