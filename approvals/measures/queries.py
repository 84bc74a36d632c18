"""Measuring how requests end and how people decide, in two queries. Read only."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach, reach
from approvals.contracts import DecisionKind, RequestState
from approvals.measures.contracts import Day, Measures, PersonHabits, Requests, Signed, habits_of
from approvals.models import Decision, Opening
from approvals.requests.queries import visible

# Enough for a median; no page reads more rows than this.
MAXIMUM_DECISIONS = 5_000
_APPROVED = (RequestState.APPROVED, RequestState.EXECUTED, RequestState.FAILED)


def measures(*, person: Person, days: int, within: Reach) -> Measures:
    """Return the measures of the last ``days`` days, today's included, in the namespaces ``within``.

    Everybody sees totals and themselves; auditors and security administrators also the people of their namespaces.
    """
    now = timezone.now()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=days - 1)
    by_day = _by_day(person, within, since, now, days)
    signed, is_cut = _signed(within, since)
    watched = reach(person, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
    return Measures(
        days=days,
        requests=sum((day.requests for day in by_day), Requests()),
        by_day=by_day,
        habits=habits_of([one for _, one in signed]),
        people=_people(person, signed, watched),
        sees_people=bool(watched),
        is_cut=is_cut,
    )


def _by_day(person: Person, within: Reach, since: datetime, now: datetime, days: int) -> list[Day]:
    late = Q(state=RequestState.OPEN, expires_at__lte=now)
    rows = (
        visible(person, within)
        .filter(opened_at__gte=since)
        .annotate(day=TruncDate("opened_at", tzinfo=UTC))
        .values("day")
        .order_by("day")
        .annotate(
            total=Count("*"),
            approved=Count("pk", filter=Q(state__in=_APPROVED)),
            denied=Count("pk", filter=Q(state=RequestState.DENIED)),
            expired=Count("pk", filter=Q(state=RequestState.EXPIRED) | late),
        )
    )
    found = {
        row["day"]: Requests(total=row["total"], approved=row["approved"], denied=row["denied"], expired=row["expired"])
        for row in rows
    }
    dates = [(since + timedelta(days=number)).date() for number in range(days)]
    return [Day(date, found.get(date, Requests())) for date in dates]


def _signed(within: Reach, since: datetime) -> tuple[list[tuple[str, Signed]], bool]:
    """Return the newest decisions, each with its namespace, and whether there are more."""
    opened = Opening.objects.filter(approval_request=OuterRef("approval_request"), person=OuterRef("person"))
    decisions = Decision.objects.filter(decided_at__gte=since)
    if not within.everywhere:
        decisions = decisions.filter(approval_request__namespace__in=within.namespaces)
    rows = (
        decisions.annotate(opened_at=Subquery(opened.values("opened_at")[:1]))
        .order_by("-decided_at", "-pk")
        .values_list("approval_request__namespace", "external_id", "display_name", "kind", "decided_at", "opened_at")[
            : MAXIMUM_DECISIONS + 1
        ]
    )
    found = [
        (namespace, Signed(external_id, name, kind == DecisionKind.APPROVE, _seconds(opened_at, decided_at)))
        for namespace, external_id, name, kind, decided_at, opened_at in rows
    ]
    return found[:MAXIMUM_DECISIONS], len(found) > MAXIMUM_DECISIONS


def _seconds(opened_at: datetime | None, decided_at: datetime) -> float | None:
    """Return how long it took; nothing if the page was opened only afterwards, or never."""
    if opened_at is None or opened_at > decided_at:
        return None
    return (decided_at - opened_at).total_seconds()


def _people(person: Person, signed: list[tuple[str, Signed]], watched: Reach) -> list[PersonHabits]:
    """Return each person's habits, by name; the one who looks first."""
    by_person: dict[str, list[Signed]] = defaultdict(list)
    for namespace, one in signed:
        if one.external_id == person.external_id or namespace in watched:
            by_person[one.external_id].append(one)
    # The newest decision comes first, and with it the name they have now.
    people = [
        PersonHabits(theirs[0].name, external_id, external_id == person.external_id, habits_of(theirs))
        for external_id, theirs in by_person.items()
    ]
    return sorted(people, key=lambda one: (not one.is_you, one.name.casefold(), one.external_id))
