"""Which notifications are due. Pure database: neither who needs them still, nor who sends them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from approvals.models import Notification
from approvals.models.notification import UNSENT


def due(at: datetime) -> QuerySet[Notification]:
    """Return what is due at ``at`` and waits for nothing that is told before it; also what a dead notifier left."""
    earlier = Notification.objects.filter(
        approval_request=OuterRef("approval_request"),
        channel=OuterRef("channel"),
        recipient=OuterRef("recipient"),
        pk__lt=OuterRef("pk"),
        state__in=UNSENT,
    )
    # Nobody hears how it went before they hear that it is asked.
    return Notification.objects.filter(~Exists(earlier), state__in=UNSENT, due_at__lte=at)
