"""Who has a request open, and since when. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Person
from approvals.models import Looking, Opening

# Open sockets are noted anew every minute (approvals.live.consumers); one that was not is a dead process's.
LOOKING_SECONDS = 150


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody who has the request open: their name, and since when without a break."""

    person: str
    since: datetime


def others_looking(*, person: Person, request_id: str, now: datetime) -> list[Looker]:
    """Return the other people who have the request open, each once, by name."""
    others = _open_at(now).filter(approval_request=request_id).exclude(person=person)
    people = others.values("person").annotate(name=F("person__display_name"), first=Min("since"))
    return [Looker(row["name"], row["first"]) for row in people.order_by("name", "person")]


def lookers(now: datetime) -> dict[str, Coalesce | Subquery]:
    """Return what a query of requests adds to say who looks at each: one name, since when, and how many people."""
    here = _open_at(now).filter(approval_request=OuterRef("pk"))
    first = here.order_by("person__display_name", "since")
    people = here.order_by().values("approval_request").annotate(number=Count("person", distinct=True)).values("number")
    return {
        "looker": Coalesce(Subquery(first.values("person__display_name")[:1]), Value("")),
        "looking_since": Subquery(first.values("since")[:1]),
        "lookers": Coalesce(Subquery(people), 0),
    }


def opened_at(*, person: Person, request_id: str) -> datetime | None:
    """Return when ``person`` first opened the request's page, or None if they never did."""
    first = Opening.objects.filter(approval_request=request_id, person=person)
    return first.values_list("opened_at", flat=True).first()


def _open_at(now: datetime) -> QuerySet[Looking]:
    return Looking.objects.filter(seen_at__gte=now - timedelta(seconds=LOOKING_SECONDS))
