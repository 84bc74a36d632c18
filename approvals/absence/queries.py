"""Who is away, who stands in, and who may say so of whom. Read only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach, reach
from approvals.absence.contracts import PER_PERSON, Away
from approvals.absence.standing_in import away_at, in_place_of
from approvals.models import Absence, QuietHours
from approvals.on_call.people import candidates
from approvals.time_zones import zone_named

ADMINISTRATORS = (Role.SECURITY_ADMINISTRATOR,)


@dataclass(frozen=True, slots=True)
class Passed:
    """Somebody who is away until then, and who stands in for them, by name, if anybody."""

    person: Person
    until: datetime  # by the clock it was said by
    stand_in: str


@dataclass(frozen=True, slots=True)
class Call:
    """``called``, and whom to tell in their place: themself if they are here, nobody if ``told`` is None."""

    called: Person
    passed: tuple[Passed, ...]
    told: Person | None


@dataclass(frozen=True, slots=True)
class Line:
    """One absence, by the clock it was said by. ``state``: "to come", "now", "over", "ended early" or "taken back"."""

    id: int
    person: str
    stand_in: str
    begins: datetime
    ends: datetime
    time_zone: str
    state: str

    @property
    def may_be_ended(self) -> bool:
        return self.state in ("to come", "now")


def standing(now: datetime) -> QuerySet[Absence]:
    """Return the absences that are not over, in the order in which they begin."""
    return Absence.objects.filter(ended_at=None, ends__gt=now)


def absences(begins: datetime, ends: datetime) -> list[Away]:
    """Return who is, or was, away between the two."""
    ended = Absence.objects.filter(ended_at__gt=F("begins")).filter(ended_at__gt=begins)
    return [away(row) for row in (standing(begins) | ended).filter(begins__lt=ends)]


def away(row: Absence) -> Away:
    return Away(row.person_id, row.stand_in_id, row.begins, row.ended_at or row.ends)


def calls(people: Iterable[Person], now: datetime) -> list[Call]:
    """Return whom to tell in the place of each of ``people``, in their order. One query."""
    rows = {row.person_id: row for row in standing(now).filter(begins__lte=now).select_related("person", "stand_in")}
    current = away_at(map(away, rows.values()), now)
    found = []
    for person in people:
        way = in_place_of(person.pk, current)
        passed = tuple(_passed(rows[one.person]) for one in way.passed)
        found.append(Call(person, passed, _last(person, rows, way.told)))
    return found


def line_now(person: Person | AnonymousUser) -> Line | None:
    """Return the absence that ``person`` is in, or None. One query."""
    if not isinstance(person, Person):
        return None
    now = timezone.now()
    row = standing(now).filter(person=person, begins__lte=now).select_related("person", "stand_in").first()
    return shown(row, now) if row else None


def own(person: Person) -> QuerySet[Absence]:
    """Return the absences of ``person``, the newest first, those that are over too."""
    found = Absence.objects.filter(person=person).select_related("person", "stand_in")
    return found.order_by("-begins", "-pk")[:PER_PERSON]


def may_end(person: Person, within: Reach) -> QuerySet[Absence]:
    """Return the absences that ``person`` may end: their own, and of whom they oversee."""
    return Absence.objects.filter(Q(person=person) | Q(person__in=overseen(within))).select_related("person")


def shown(row: Absence, now: datetime) -> Line:
    state = _state(row, now)
    ends = row.ended_at if state == "ended early" and row.ended_at else row.ends
    return Line(
        row.pk,
        str(row.person),
        str(row.stand_in) if row.stand_in else "",
        on_the_wall(row.begins, row.time_zone),
        on_the_wall(ends, row.time_zone),
        row.time_zone,
        state,
    )


def time_zone_of(person: Person) -> str:
    """Return the time zone that ``person`` named last, of an absence or of their quiet hours; else UTC."""
    last = Absence.objects.filter(made_by=person.external_id).order_by("-pk").values_list("time_zone", flat=True)
    quiet = QuietHours.objects.filter(person=person).values_list("time_zone", flat=True)
    return last.first() or quiet.first() or "UTC"


def of_others(person: Person, within: Reach, now: datetime) -> QuerySet[Absence]:
    """Return the absences to come of the others whom ``person`` oversees ``within`` their namespaces."""
    found = standing(now).filter(person__in=overseen(within)).exclude(person=person)
    return found.select_related("person", "stand_in")


def overseen(within: Reach) -> QuerySet[Person]:
    """Return the approvers for whom somebody with this reach may speak: those who approve nowhere else."""
    found = candidates(within)
    if within.everywhere:
        return found
    elsewhere = RoleGrant.objects.filter(person=OuterRef("pk"), role=Role.APPROVER)
    return found.exclude(Exists(elsewhere.exclude(namespace__in=within.namespaces)))


def stand_ins_of(person: Person) -> QuerySet[Person]:
    """Return who can stand in for ``person``: the other approvers of the namespaces that they approve in."""
    return candidates(reach(person, Role.APPROVER)).exclude(pk=person.pk)


def _state(row: Absence, now: datetime) -> str:
    if row.ended_at is not None:
        return "taken back" if row.ended_at <= row.begins else "ended early"
    if row.ends <= now:
        return "over"
    return "to come" if row.begins > now else "now"


def _last(person: Person, rows: dict[int, Absence], told: int | None) -> Person | None:
    if told is None or told == person.pk:
        return person if told == person.pk else None
    return next(row.stand_in for row in rows.values() if row.stand_in_id == told)


def _passed(row: Absence) -> Passed:
    return Passed(row.person, on_the_wall(row.ends, row.time_zone), str(row.stand_in) if row.stand_in else "")


def on_the_wall(moment: datetime, time_zone: str) -> datetime:
    """Return ``moment`` in a time zone, or as it is where this machine does not know that."""
    zone = zone_named(time_zone)
    return moment.astimezone(zone) if zone else moment
