"""Who is on call now and in the coming two weeks, and whom ladders tell. Read only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.endorsements.queries import endorsed_keys
from accounts.models import Person
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import Reach
from approvals.models import LadderStep, OnCallRotation
from approvals.on_call.contracts import Shift, Why
from approvals.on_call.elsewhere.queries import ScheduleLine, lines
from approvals.on_call.ladders import ladder_of, source
from approvals.on_call.shifts import gaps
from warrants.policies.queries import names

SHOWN = timedelta(days=14)
EDITORS = (Role.SECURITY_ADMINISTRATOR,)
STEPPERS_IN = (Role.APPROVER, Role.SECURITY_ADMINISTRATOR)
LADDER_READERS = (Role.AUDITOR, Role.POLICY_AUTHOR, Role.POLICY_PUBLISHER, Role.SECURITY_ADMINISTRATOR)
_WHY = {
    Why.NOBODY: "nobody is on call",
    Why.LEFT: "has left",
    Why.CANNOT_DECIDE: "cannot decide: not an approver here, or without an endorsed key",
    Why.STRANGER: "is not known here: no account has this verified address, or two have; correct it there or here",
    Why.NOT_FETCHED: "nobody is known: what was fetched last ends before",
}


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One shift in the rotation's time zone. ``person`` is empty for nobody, ``why`` if nobody can be called."""

    person: str
    begins: datetime
    ends: datetime
    is_override: bool
    why: str


@dataclass(frozen=True, slots=True)
class RotationCard:
    """A rotation with its next two weeks, now first; without any if this machine does not know its time zone."""

    id: int
    name: str
    namespace: str
    time_zone: str
    shifts: list[ShiftLine]
    may_edit: bool
    may_step_in: bool
    schedule: ScheduleLine | None = None  # that it is taken from

    @property
    def now(self) -> list[ShiftLine]:
        """Who is on call now: several if they are."""
        return [shift for shift in self.shifts if shift.begins == self.shifts[0].begins]

    @property
    def gaps(self) -> list[ShiftLine]:
        return [shift for shift in self.shifts if shift.why]


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One policy's ladder in words; ``policy`` is empty for all that have none."""

    policy: str
    steps: list[str]


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """Who a step of a request's ladder would tell now, by name."""

    label: str
    people: list[str]


def rotations_in(within: Reach) -> QuerySet[OnCallRotation]:
    """Return the rotations that somebody with this reach may change: those of their namespaces."""
    found = OnCallRotation.objects.all()
    return found if within.everywhere else found.filter(namespace__in=within.namespaces)


def cards(*, sees: Reach, edits: Reach, steps_in: Reach, now: datetime) -> list[RotationCard]:
    """Return the rotations that somebody sees: of their namespaces, and of all."""
    found = OnCallRotation.objects.prefetch_related("members", "overrides")
    if not sees.everywhere:
        found = found.filter(Q(namespace=EVERYWHERE) | Q(namespace__in=sees.namespaces))
    schedules = lines({row.schedule for row in found if row.schedule})
    return [
        RotationCard(
            row.pk, row.name, row.namespace, row.time_zone, _lines(row, now, shows_addresses=row.namespace in edits),
            row.namespace in edits, row.namespace in steps_in, schedules.get(row.schedule),
        )
        for row in found
    ]  # fmt: skip


def fewest_at_once(approvers: Mapping[str, Set[str]]) -> dict[str, int] | None:
    """Return, by namespace, how many of ``approvers`` (external ids) are on call together at least, in two weeks.

    Namespaces in which nobody takes turns are left out; None if that is so in all.
    """
    now = timezone.now()
    rows = OnCallRotation.objects.prefetch_related("members", "overrides")
    rotations = [(row.namespace, _turns(row, now)) for row in rows]
    people = _people_of(turns for _, turns in rotations)
    found: dict[str, int] = {}
    for namespace, able in approvers.items():
        here = [turns for place, turns in rotations if turns and place in (EVERYWHERE, namespace)]
        if here:
            may = {pk for pk, person in people.items() if person.is_active and person.external_id in able}
            found[namespace] = min(len(_on_call(here, shift.begins) & may) for turns in here for shift in turns)
    return found or None


def ladders() -> list[LadderLine]:
    """Return the ladder of every policy, the one for all others first."""
    found: dict[str, list[str]] = {"": [], **{name: [] for name in policies()}}
    rows = LadderStep.objects.select_related("rotation").prefetch_related("people")
    for row in rows:
        people = ", ".join(str(person) for person in row.people.all())
        whom = f"on call: {row.rotation.name}" if row.rotation else people or "nobody"
        wait = f"{row.wait_minutes} min" if row.wait_minutes else f"{row.wait_percent} % of the time left"
        found[row.policy].append(f"{whom}; after {wait}")
    return [LadderLine(policy, steps) for policy, steps in found.items()]


def policies() -> list[str]:
    """Return the names of the policies that have, or may get, a ladder of their own."""
    kept_for = LadderStep.objects.exclude(policy="").values_list("policy", flat=True)
    return sorted({*names(), *kept_for})


def on_call_now(policy: str, now: datetime) -> list[OnCallNow]:
    """Return who the steps of the ladder of ``policy`` would tell now."""
    return [OnCallNow(step.label, [str(person) for person in step.people_at(now)]) for step in ladder_of(policy)]


def candidates(within: Reach) -> QuerySet[Person]:
    """Return the active approvers of these namespaces, and of all, by name."""
    grants = Q(role_grants__role=Role.APPROVER)
    if not within.everywhere:
        grants &= Q(role_grants__namespace__in=[EVERYWHERE, *within.namespaces])
    return Person.objects.filter(grants, is_active=True).distinct().order_by("display_name", "pk")


def _lines(row: OnCallRotation, now: datetime, *, shows_addresses: bool) -> list[ShiftLine]:
    found = _turns(row, now)
    if not found:
        return []
    zone, people = ZoneInfo(row.time_zone), _people_of([found])
    active = {pk for pk, person in people.items() if person.is_active}
    able = set(endorsed_keys(namespace=row.namespace or None).values_list("person_id", flat=True))
    why = {gap.shift: _WHY[gap.why] for gap in gaps(found, active=active, able=able)}

    def line(shift: Shift) -> ShiftLine:
        person = str(people[shift.person]) if shift.person in people else _stranger(shift, shows_addresses)
        begins, ends = shift.begins.astimezone(zone), shift.ends.astimezone(zone)
        return ShiftLine(person, begins, ends, shift.is_override, why.get(shift, ""))

    return [line(shift) for shift in found]


def _turns(row: OnCallRotation, now: datetime) -> list[Shift]:
    """Return the shifts of the coming two weeks; none if this machine does not know the rotation's time zone."""
    try:
        ZoneInfo(row.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return []
    return source(row).shifts(now, now + SHOWN)


def _stranger(shift: Shift, shows_address: bool) -> str:
    """Return what somebody who is not known here is called elsewhere; nothing for nobody."""
    if shift.email and shows_address:
        return f"{shift.name} <{shift.email}>" if shift.name != shift.email else shift.email
    return shift.name if shift.name != shift.email else "Somebody" if shift.email else ""


def _people_of(rotations: Iterable[list[Shift]]) -> dict[int, Person]:
    return Person.objects.in_bulk({one.person for turns in rotations for one in turns if one.person is not None})


def _on_call(rotations: list[list[Shift]], moment: datetime) -> set[int | None]:
    return {one.person for turns in rotations for one in turns if one.begins <= moment < one.ends}
