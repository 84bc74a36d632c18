"""How the outbox stands. Read only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Count, Window
from django.utils import timezone

from accounts.roles.queries import Reach
from approvals.delivery.contracts import Backlog
from approvals.models import Delivery
from approvals.models.delivery import UNDELIVERED

# A relay needs a fraction of a second; what waits for longer than this, people are told of.
LATE = timedelta(seconds=5)
NOTHING = Backlog(0, 0.0, "")
MAXIMUM_SAID = 200
_EARLIEST = datetime.fromtimestamp(0, UTC)


def backlog(*, within: Reach | None = None, older_than: timedelta = timedelta(0)) -> Backlog:
    """Return what waits for delivery for longer than ``older_than``, ``within`` some namespaces or all. One query."""
    now = timezone.now()
    # The index of the outbox holds only what is undelivered, by when it is due.
    found = Delivery.objects.filter(UNDELIVERED, due_at__gt=_EARLIEST, created_at__lte=now - older_than)
    if within is not None and not within.everywhere:
        found = found.filter(approval_request__namespace__in=within.namespaces)
    first = found.annotate(waiting=Window(Count("pk"))).order_by("created_at").first()
    if first is None:
        return NOTHING
    return Backlog(first.waiting, (now - first.created_at).total_seconds(), why_undelivered(first, now))


def oldest(limit: int) -> list[Delivery]:
    """Return at most ``limit`` decisions that wait for delivery, those that wait longest first."""
    return list(Delivery.objects.filter(UNDELIVERED, due_at__gt=_EARLIEST).order_by("created_at")[:limit])


def why_undelivered(delivery: Delivery, now: datetime) -> str:
    """Return why an undelivered decision waits, to be read after "because"."""
    if delivery.last_error:
        times = "once" if delivery.attempts == 1 else f"{delivery.attempts} times"
        return f"Temporal does not take it, tried {times}: {delivery.last_error[:MAXIMUM_SAID]}"
    if delivery.attempts and delivery.due_at > now:
        return "the relay that took it has not said since whether Temporal has it"
    if delivery.attempts:
        return "the relay that took it has ended and no other takes it (manage.py worker runs one)"
    return "no relay takes it (manage.py worker runs one)"
