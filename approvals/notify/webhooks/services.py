"""What operators do with webhooks."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.roles.queries import Reach
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import Notification
from approvals.notify.channels import CHANNELS
from approvals.notify.contracts import Answer, NotificationState, Result
from approvals.notify.trouble import over
from approvals.notify.webhooks import transport
from approvals.notify.webhooks.queries import CHANNEL, receivers_within


def send_test(*, name: str, within: Reach) -> Answer | None:
    """Send a test to the receiver ``name`` now, within ten seconds; None if there is none for this person."""
    receiver = next((one for one in receivers_within(within) if one.name == name), None)
    answer = transport.send_test(receiver) if receiver else None
    if answer is not None and answer.result is Result.SENT:
        over(channel=CHANNELS[CHANNEL], place=name)
    return answer


@transaction.atomic
def send_again(*, notification_id: int, within: Reach) -> bool:
    """Let the notifier send what failed for good, under the same id. False if nothing of this person's failed so."""
    failed = Notification.objects.select_for_update(of=("self",)).select_related("approval_request")
    row = failed.filter(pk=notification_id, channel=CHANNEL, state=NotificationState.FAILED).first()
    if row is None or row.approval_request.namespace not in within:
        return False
    row.state, row.ended_at, row.due_at = NotificationState.WAITING, None, timezone.now()
    row.save(update_fields=["state", "ended_at", "due_at"])
    bus.publish(Event(LiveKind.NOTIFICATION_DUE, row.approval_request_id, namespace=row.approval_request.namespace))
    return True
