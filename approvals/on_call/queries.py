"""Who is on call now and in the coming two weeks, and whom ladders tell. Read only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.endorsements.queries import endorsed_keys
from accounts.models import Person
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import Reach, remembered_reach
from approvals.absence.contracts import Away
from approvals.absence.queries import absences, calls
from approvals.absence.standing_in import with_stand_ins
from approvals.absence.wording import left_out, told_as
from approvals.models import LadderStep, OnCallOverride, OnCallRotation
from approvals.on_call.contracts import Shift, Why
from approvals.on_call.elsewhere.queries import ScheduleLine, lines
from approvals.on_call.ladders import ladders_of, source
from approvals.on_call.shifts import gaps
from approvals.time_zones import zone_named
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
    Why.AWAY: "is away, and nobody who can decide stands in",
}


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One shift in the rotation's time zone. ``person`` is empty for nobody, ``why`` if nobody can be called.

    ``stand_in``: who is told if ``person`` is away, or empty.
    """

    person: str
    begins: datetime
    ends: datetime
    is_override: bool
    why: str
    is_away: bool = False
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class StepInLine:
    """Who steps in, or will, in the rotation's time zone."""

    id: int
    person: str
    begins: datetime
    ends: datetime
    has_begun: bool


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
    step_ins: list[StepInLine]
    schedule: ScheduleLine | None  # that it is taken from

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
    """Who a step of a ladder would tell now, by name, and in whose place."""

    label: str
    people: list[str]


def rotations_in(within: Reach) -> QuerySet[OnCallRotation]:
    """Return the rotations that somebody with this reach may change: those of their namespaces."""
    found = OnCallRotation.objects.all()
    return found if within.everywhere else found.filter(namespace__in=within.namespaces)


def rotations_seen(sees: Reach) -> QuerySet[OnCallRotation]:
    """Return the rotations that somebody with this reach sees: of their namespaces, and of all."""
    found = OnCallRotation.objects.prefetch_related("members", "overrides__person")
    return found if sees.everywhere else found.filter(Q(namespace=EVERYWHERE) | Q(namespace__in=sees.namespaces))


def cards(*, sees: Reach, edits: Reach, steps_in: Reach, now: datetime) -> list[RotationCard]:
    """Return the rotations that somebody sees: of their namespaces, and of all."""
    found, away = rotations_seen(sees), absences(now, now + SHOWN)
    schedules = lines({row.schedule for row in found if row.schedule})
    return [
        RotationCard(
            id=row.pk,
            name=row.name,
            namespace=row.namespace,
            time_zone=row.time_zone,
            shifts=shift_lines(row, turns(row, away, now, now + SHOWN), shows_addresses=row.namespace in edits),
            may_edit=row.namespace in edits,
            may_step_in=row.namespace in steps_in,
            step_ins=[step_in_line(one, now) for one in row.overrides.all() if one.ended_at is None and one.ends > now],
            schedule=schedules.get(row.schedule),
        )
        for row in found
    ]


def fewest_at_once(approvers: Mapping[str, Set[str]]) -> dict[str, int] | None:
    """Return, by namespace, how many of ``approvers`` (external ids) are on call together at least, in two weeks.

    Namespaces in which nobody takes turns are left out; None if that is so in all.
    """
    now = timezone.now()
    rows = OnCallRotation.objects.prefetch_related("members", "overrides")
    away = absences(now, now + SHOWN)
    rotations = [(row.namespace, turns(row, away, now, now + SHOWN)) for row in rows]
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
    return on_call_by_policy([policy], now)[policy]


def on_call_as_seen(person: Person, policies: Collection[str]) -> dict[str, list[OnCallNow]] | None:
    """Return ``on_call_by_policy`` as of now, or None for whoever sees no ladders."""
    sees = remembered_reach(person, *LADDER_READERS).everywhere
    return on_call_by_policy(policies, timezone.now()) if sees else None


def on_call_by_policy(policies: Collection[str], now: datetime) -> dict[str, list[OnCallNow]]:
    """Return ``on_call_now`` for each of these policies: in as many queries as for one, but for schedules elsewhere."""
    found = {
        policy: [(step.label, step.source.on_call_at(now)) for step in ladder]
        for policy, ladder in ladders_of(policies).items()
    }
    everybody = {pk for steps in found.values() for _, called in steps for pk in called}
    people = Person.objects.filter(pk__in=everybody).order_by("display_name", "pk")
    words = {call.called.pk: told_as(call) or left_out(call) for call in calls(people, now)}
    return {
        policy: [OnCallNow(label, [text for pk, text in words.items() if pk in called]) for label, called in steps]
        for policy, steps in found.items()
    }


def shift_lines(row: OnCallRotation, found: list[Shift], *, shows_addresses: bool = False) -> list[ShiftLine]:
    """Return ``found`` in the rotation's time zone, with who they are and why nobody can be called. Two queries."""
    if not found:
        return []
    zone, people = ZoneInfo(row.time_zone), _people_of([found])
    active = {pk for pk, person in people.items() if person.is_active}
    able = set(endorsed_keys(namespace=row.namespace or None).values_list("person_id", flat=True))
    why = {gap.shift: _WHY[gap.why] for gap in gaps(found, active=active, able=able)}

    def line(shift: Shift) -> ShiftLine:
        person = str(people[shift.person]) if shift.person in people else _stranger(shift, shows_addresses)
        stand_in = str(people[shift.stand_in]) if shift.stand_in in people else ""
        begins, ends = shift.begins.astimezone(zone), shift.ends.astimezone(zone)
        return ShiftLine(person, begins, ends, shift.is_override, why.get(shift, ""), shift.is_away, stand_in)

    return [line(shift) for shift in found]


def ladders_with(row: OnCallRotation) -> list[str]:
    """Return the policies whose ladders name the rotation; empty for that of all without their own."""
    return sorted(set(LadderStep.objects.filter(rotation=row).values_list("policy", flat=True)))


def step_ins_in(within: Reach) -> QuerySet[OnCallOverride]:
    """Return who steps in where somebody with this reach may say who does."""
    found = OnCallOverride.objects.filter(rotation__in=rotations_in(within))
    return found.select_related("rotation", "person")


def step_in_line(one: OnCallOverride, now: datetime) -> StepInLine:
    zone = zone_named(one.rotation.time_zone)
    begins, ends = one.begins.astimezone(zone), one.ends.astimezone(zone)
    return StepInLine(one.pk, str(one.person), begins, ends, one.begins <= now)


def turns(row: OnCallRotation, away: list[Away], begins: datetime, ends: datetime) -> list[Shift]:
    """Return the shifts between the two; none if this machine does not know the rotation's time zone."""
    if zone_named(row.time_zone) is None:
        return []
    return with_stand_ins(source(row).shifts(begins, ends), away)


def _stranger(shift: Shift, shows_address: bool) -> str:
    """Return what somebody who is not known here is called elsewhere; nothing for nobody."""
    if shift.email and shows_address:
        return f"{shift.name} <{shift.email}>" if shift.name != shift.email else shift.email
    return shift.name if shift.name != shift.email else "Somebody" if shift.email else ""


def _people_of(rotations: Iterable[list[Shift]]) -> dict[int, Person]:
    found = {pk for turns in rotations for one in turns for pk in (one.person, one.stand_in)}
    return Person.objects.in_bulk(found - {None})


def _on_call(rotations: list[list[Shift]], moment: datetime) -> set[int | None]:
    return {one.told for turns in rotations for one in turns if one.begins <= moment < one.ends}
