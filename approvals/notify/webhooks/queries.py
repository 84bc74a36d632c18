"""The receivers of webhooks, and what was sent to them. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.roles.queries import Reach
from approvals.models import Notification, StoppedWebhook
from approvals.notify.contracts import NotificationState
from approvals.notify.queries import LOOKED_BACK, ToldLine, lines_of
from approvals.notify.webhooks.settings import Receiver, receivers

CHANNEL = "webhook"


@dataclass(frozen=True, slots=True)
class ReceiverLine:
    """A receiver. ``stopped_since``: when it said that it is gone."""

    name: str
    stopped_since: datetime | None
    failed: int  # for good, in the days looked back


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What somebody may see of receivers and of the last deliveries, newest first."""

    receivers: list[ReceiverLine]
    deliveries: list[ToldLine]


def receivers_within(within: Reach) -> list[Receiver]:
    """Return the receivers all of whose namespaces are ``within``."""
    return [
        one
        for one in receivers().values()
        if within.everywhere or (one.namespaces and one.namespaces <= within.namespaces)
    ]


def webhooks(*, within: Reach) -> Webhooks:
    found = Notification.objects.filter(channel=CHANNEL, created_at__gte=timezone.now() - LOOKED_BACK)
    found = found if within.everywhere else found.filter(approval_request__namespace__in=within.namespaces)
    seen = receivers_within(within)
    stopped = dict(StoppedWebhook.objects.values_list("name", "since")) if seen else {}
    failed = found.filter(state=NotificationState.FAILED)
    lines = [ReceiverLine(one.name, stopped.get(one.name), failed.filter(place=one.name).count()) for one in seen]
    return Webhooks(lines, lines_of(found.order_by("-created_at", "-pk")) if receivers() else [])
