from approvals.models.closed_run import ClosedRun
from approvals.models.decision import Decision
from approvals.models.delivery import Delivery
from approvals.models.looking import Looking
from approvals.models.request import ApprovalRequest, RequiredApprover
from approvals.models.retraction import Retraction
from approvals.models.spent_nonce import SpentNonce

__all__ = [
    "ApprovalRequest",
    "ClosedRun",
    "Decision",
    "Delivery",
    "Looking",
    "RequiredApprover",
    "Retraction",
    "SpentNonce",
]
