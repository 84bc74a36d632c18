"""Who is on call in schedules that others keep, and how fetching them stands. Read only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.people.addresses import people_by_address
from accounts.roles.contracts import EVERYWHERE
from accounts.roles.queries import Reach
from approvals.models import OnCallRotation, OnCallSchedule, OnCallScheduleShift
from approvals.on_call.contracts import Override, Shift
from approvals.on_call.elsewhere.contracts import Trouble
from approvals.on_call.elsewhere.settings import schedules
from approvals.on_call.elsewhere.turns import turns
from approvals.on_call.elsewhere.wording import sentence
from approvals.on_call.people import overrides_of
from approvals.on_call.shifts import override_at

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A source of who is on call: a schedule that is kept elsewhere, as it was fetched last. Nothing is asked now."""

    schedule: str
    overrides: tuple[Override, ...]

    def on_call_at(self, moment: datetime) -> tuple[int, ...]:
        override = override_at(self.overrides, moment)
        if override is not None:
            return (override.person,)
        rows = OnCallScheduleShift.objects.filter(schedule=self.schedule, begins__lte=moment, ends__gt=moment)
        people = {shift.person for shift in _known(rows) if shift.person is not None}
        return tuple(sorted(people))

    def shifts(self, begins: datetime, ends: datetime) -> list[Shift]:
        """Return who is on call from ``begins`` to before ``ends``, several at once if they are, and the gaps."""
        row = OnCallSchedule.objects.filter(pk=self.schedule).first()
        found = OnCallScheduleShift.objects.filter(schedule=self.schedule, begins__lt=ends, ends__gt=begins)
        known_until = row.known_until if row is not None and row.known_until is not None else _NEVER
        return turns(_known(found), self.overrides, begins, ends, known_until)


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """How fetching a schedule stands. ``trouble`` is a sentence, empty if there is none."""

    name: str
    kind: str  # for people; empty if the setting does not name it any more
    fetched_at: datetime | None
    known_until: datetime | None
    failing_since: datetime | None
    trouble: str


def elsewhere(row: OnCallRotation) -> Elsewhere:
    """Return what a rotation's rows say, which names a schedule."""
    return Elsewhere(row.schedule, overrides_of(row))


def lines(names: Iterable[str]) -> dict[str, ScheduleLine]:
    """Return how fetching each of ``names`` stands. One query."""
    wanted, named = set(names), schedules()
    rows = OnCallSchedule.objects.in_bulk(wanted) if wanted else {}
    return {name: _line(name, rows.get(name), named[name].kind.label if name in named else "") for name in wanted}


def in_trouble(*, within: Reach) -> list[ScheduleLine]:
    """Return the schedules that rotations in these namespaces, or in all, are taken from and cannot be, by name."""
    used = OnCallRotation.objects.exclude(schedule="")
    if not within.everywhere:
        used = used.filter(namespace__in=[EVERYWHERE, *within.namespaces])
    names = set(used.values_list("schedule", flat=True))
    return sorted((line for line in lines(names).values() if line.trouble), key=lambda line: line.name)


def _line(name: str, row: OnCallSchedule | None, kind: str) -> ScheduleLine:
    trouble = sentence(row.trouble, row.detail) if row is not None and row.trouble else ""
    if not kind:
        trouble = sentence(Trouble.NOT_NAMED, "")
    if row is None:
        return ScheduleLine(name, kind, None, None, None, trouble)
    return ScheduleLine(name, kind, row.fetched_at, row.known_until, row.failing_since, trouble)


def _known(rows: Iterable[OnCallScheduleShift]) -> list[Shift]:
    """Return the shifts with whoever is known here. People are found by their verified address."""
    found = list(rows)
    people = people_by_address(row.email for row in found)

    def shift(row: OnCallScheduleShift) -> Shift:
        person = people.get(row.email.lower())
        if person is not None:
            return Shift(person.pk, row.begins, row.ends)
        return Shift(None, row.begins, row.ends, name=row.name, email=row.email)

    return [shift(row) for row in found]
