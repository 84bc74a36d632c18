"""Whom a policy's ladder tells first, and who they are at a moment. Read only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

from accounts.models import Person
from approvals.models import LadderStep, OnCallRotation
from approvals.on_call.contracts import Override, Rotation, Shift, Source
from approvals.on_call.elsewhere.queries import Elsewhere, elsewhere
from approvals.on_call.people import overrides_of
from approvals.on_call.shifts import on_call_at, shifts


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell, and how long to wait: ``wait``, or ``share`` (0 to 1) of the time that is left."""

    label: str
    source: Source
    wait: timedelta | None
    share: float

    def waits(self, left: timedelta) -> timedelta:
        return self.wait if self.wait is not None else left * self.share

    def people_at(self, moment: datetime) -> list[Person]:
        """Return who is on call, by name: those too who have left, or are away."""
        found = Person.objects.filter(pk__in=self.source.on_call_at(moment))
        return list(found.order_by("display_name", "pk"))


@dataclass(frozen=True, slots=True)
class KeptHere:
    """A source of who is on call: a rotation that is kept here.

    One that this machine cannot read, such as in a time zone it does not know, has nobody: the next step is told.
    """

    rotation: Rotation
    overrides: tuple[Override, ...]

    def on_call_at(self, moment: datetime) -> tuple[int, ...]:
        try:
            person = on_call_at(self.rotation, self.overrides, moment)
        except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
            person = None
        return () if person is None else (person,)

    def shifts(self, begins: datetime, ends: datetime) -> list[Shift]:
        """Return who is on call from ``begins`` to before ``ends``. Raises what an unknown time zone raises."""
        return shifts(self.rotation, self.overrides, begins, ends)


@dataclass(frozen=True, slots=True)
class Named:
    """A source that always says the same people."""

    people: tuple[int, ...]

    def on_call_at(self, moment: datetime) -> tuple[int, ...]:
        return self.people


def ladder_of(policy: str) -> list[Step]:
    """Return the steps for requests under ``policy`` (or empty): its own, else everybody's; none if there are none."""
    return ladders_of([policy])[policy]


def ladders_of(policies: Collection[str]) -> dict[str, list[Step]]:
    """Return ``ladder_of`` each of these policies, in as many queries as for one."""
    found = LadderStep.objects.filter(policy__in={*policies, ""}).select_related("rotation").order_by("position")
    steps: dict[str, list[Step]] = {}
    for row in found.prefetch_related("people", "rotation__members", "rotation__overrides"):
        steps.setdefault(row.policy, []).append(_step(row))
    return {policy: steps.get(policy) or steps.get("", []) for policy in policies}


def source(row: OnCallRotation) -> KeptHere | Elsewhere:
    """Return whatever knows who is on call in a rotation."""
    return elsewhere(row) if row.schedule else kept(row)


def kept(row: OnCallRotation) -> KeptHere:
    """Return what a rotation's rows say, which has turns of its own."""
    assert row.hands_over is not None  # noqa: S101 - a constraint sees to it
    assert row.starts_on is not None  # noqa: S101
    rotation = Rotation(
        people=tuple(member.person_id for member in row.members.all()),
        hands_over=row.hands_over,
        time_zone=row.time_zone,
        starts_on=row.starts_on,
        every_days=row.every_days,
        weekday=row.weekday,
    )
    return KeptHere(rotation, overrides_of(row))


def _step(row: LadderStep) -> Step:
    wait = timedelta(minutes=row.wait_minutes) if row.wait_minutes is not None else None
    share = (row.wait_percent or 0) / 100
    if row.rotation is not None:
        return Step(f"On call: {row.rotation.name}", source(row.rotation), wait, share)
    return Step("People named by the ladder", Named(tuple(person.pk for person in row.people.all())), wait, share)
