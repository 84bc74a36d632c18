"""Who has a request open. Read only."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Person
from approvals.models import Looking

# Open sockets are noted anew every minute (approvals.live.consumers); one that was not is a dead process's.
LOOKING_SECONDS = 150


def others_looking(*, person: Person, request_id: str, now: datetime) -> list[str]:
    """Return the names of the other people who have the request open, each once, in order."""
    names = _open_at(now).filter(approval_request=request_id).exclude(person=person)
    return list(names.order_by("person__display_name").values_list("person__display_name", flat=True).distinct())


def lookers(now: datetime) -> dict[str, Coalesce]:
    """Return what a query of requests adds to say who looks at each: one name, and how many people."""
    here = _open_at(now).filter(approval_request=OuterRef("pk"))
    first = here.order_by("person__display_name").values("person__display_name")[:1]
    people = here.order_by().values("approval_request").annotate(number=Count("person", distinct=True)).values("number")
    return {"looker": Coalesce(Subquery(first), Value("")), "lookers": Coalesce(Subquery(people), 0)}


def _open_at(now: datetime) -> QuerySet[Looking]:
    return Looking.objects.filter(seen_at__gte=now - timedelta(seconds=LOOKING_SECONDS))
