"""Letting go of who was told: with the evidence of an incident, or earlier if a setting says so. A hold keeps it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from approvals.models import ApprovalRequest, Escalation, EscalationMove, Notification, PushSubscription
from approvals.notify.queries import LOOKED_BACK
from audit.ledger.signals import evidence_removed
from audit.retention.queries import active_holds
from audit.upkeep import turns

logger = logging.getLogger(__name__)

TURN = "notifications"
EVERY = timedelta(days=1)
# In one transaction; each has a few messages for each of a few people.
REQUESTS_AT_ONCE = 100
_KEPT = (Notification, Escalation, EscalationMove)


def connect() -> None:
    evidence_removed.connect(_forget_incident, dispatch_uid="approvals.notify.forgetting")


def forget_if_due(stop: Event) -> int | None:
    """Let go of what is no longer kept if it is this process's turn; return of how many requests, or None."""
    holder = turns.take(TURN)
    if not holder:
        return None
    gone, due_at = 0, timezone.now()
    try:
        PushSubscription.objects.filter(person__is_active=False).delete()
        while count := forget(now=timezone.now(), limit=REQUESTS_AT_ONCE):
            gone += count
            turns.keep(TURN, holder)
            if stop.is_set():
                return gone
        due_at = timezone.now() + EVERY
    except turns.TurnLost:
        return gone
    finally:
        turns.end(TURN, holder, due_at=due_at)
        if gone:
            logger.info("Who was told of %s requests is no longer kept.", gone)
    return gone


@transaction.atomic
def forget(*, now: datetime, limit: int) -> int:
    """Let go of who was told of at most ``limit`` requests that are over for ``NOTIFICATION_DAYS``; return how many."""
    if not settings.NOTIFICATION_DAYS:
        return 0
    # What the pages of the last days count must be there.
    until = now - max(timedelta(days=settings.NOTIFICATION_DAYS), LOOKED_BACK)
    has_any = [Exists(kept.objects.filter(approval_request=OuterRef("pk"))) for kept in _KEPT]
    over = ApprovalRequest.objects.filter(has_any[0] | has_any[1] | has_any[2], Q(closed_at__lt=until))
    free = over.filter(~Exists(active_holds().filter(chain=OuterRef("chain"))))
    found = list(free.order_by("closed_at").values_list("pk", flat=True)[:limit])
    for kept in _KEPT:
        kept.objects.filter(approval_request__in=found).delete()
    return len(found)


def _forget_incident(chain: str, **_: Any) -> None:
    for kept in _KEPT:
        kept.objects.filter(approval_request__chain=chain).delete()
