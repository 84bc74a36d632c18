"""How the outbox stands. Read only."""

from __future__ import annotations

from django.db.models import Count, Min
from django.utils import timezone

from approvals.delivery.contracts import Backlog
from approvals.models import Delivery
from approvals.models.delivery import UNDELIVERED


def backlog() -> Backlog:
    found = Delivery.objects.filter(UNDELIVERED).aggregate(waiting=Count("pk"), oldest=Min("created_at"))
    age = (timezone.now() - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return Backlog(waiting=found["waiting"], oldest_seconds=max(age, 0.0))
