"""Who is on call at a moment, and the shifts of a span of time. Pure: no Django.

The clock on the wall counts, as RFC 5545 reads it: a hand-over at a time that does not exist that day comes as if the
clock had not been changed yet, and at a time that comes twice it is the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from approvals.on_call.contracts import DAYS_OF_WEEK, Gap, Override, Rotation, Shift, Why


def on_call_at(rotation: Rotation, overrides: Sequence[Override], moment: datetime) -> int | None:
    """Return who is on call at ``moment``, which is aware; None before the rotation begins, or if it has nobody.

    Of overrides that overlap the last of ``overrides`` counts.
    """
    override = override_at(overrides, moment)
    if override is not None:
        return override.person
    number = _turn_at(rotation, moment)
    return rotation.people[number % len(rotation.people)] if rotation.people and number >= 0 else None


def shifts(rotation: Rotation, overrides: Sequence[Override], begins: datetime, ends: datetime) -> list[Shift]:
    """Return who is on call from ``begins`` to before ``ends``, both aware: in order, without a hole or an overlap."""
    begins, ends = begins.astimezone(UTC), ends.astimezone(UTC)
    edges = {begins, ends, *_hand_overs(rotation, begins, ends)}
    for override in overrides:
        edges.update((override.begins.astimezone(UTC), override.ends.astimezone(UTC)))
    inside = sorted(edge for edge in edges if begins <= edge <= ends)
    found: list[Shift] = []
    for one, other in pairwise(inside):
        is_override = override_at(overrides, one) is not None
        shift = Shift(on_call_at(rotation, overrides, one), one, other, is_override)
        last = found[-1] if found else None
        if last and (last.person, last.is_override) == (shift.person, is_override):
            found[-1] = Shift(last.person, last.begins, other, is_override)
        else:
            found.append(shift)
    return found


def gaps(found: Iterable[Shift], *, active: Collection[int], able: Collection[int]) -> list[Gap]:
    """Return the shifts in which nobody who can decide is on call; ``active`` are still here, ``able`` can decide."""
    return [Gap(shift, why) for shift in found if (why := _why(shift, active, able)) is not None]


def _why(shift: Shift, active: Collection[int], able: Collection[int]) -> Why | None:
    if not shift.is_known:
        return Why.NOT_FETCHED
    if shift.person is None:
        return Why.STRANGER if shift.name or shift.email else Why.NOBODY
    if shift.is_away:
        return None if shift.stand_in in active and shift.stand_in in able else Why.AWAY
    if shift.person not in active:
        return Why.LEFT
    return None if shift.person in able else Why.CANNOT_DECIDE


def override_at(overrides: Sequence[Override], moment: datetime) -> Override | None:
    return next((one for one in reversed(overrides) if one.begins <= moment < one.ends), None)


def _turn_at(rotation: Rotation, moment: datetime) -> int:
    """Return how many hand-overs there were before and at ``moment``; -1 before the rotation begins."""
    day = moment.astimezone(ZoneInfo(rotation.time_zone)).date()
    # A change of the clock moves a hand-over by a day at most.
    number = max((day - rotation.starts_on).days // _days(rotation) + 2, 0)
    while number >= 0 and _hand_over(rotation, number) > moment:
        number -= 1
    return number


def _hand_overs(rotation: Rotation, begins: datetime, ends: datetime) -> Iterable[datetime]:
    number = max(_turn_at(rotation, begins), 0)
    while (at := _hand_over(rotation, number)) < ends:
        yield at
        number += 1


def _hand_over(rotation: Rotation, number: int) -> datetime:
    """Return when turn ``number`` begins, in UTC."""
    local = datetime.combine(_day(rotation, number), rotation.hands_over, ZoneInfo(rotation.time_zone))
    return local.astimezone(UTC)


def _day(rotation: Rotation, number: int) -> date:
    if number == 0 or rotation.weekday is None:
        return rotation.starts_on + timedelta(days=number * _days(rotation))
    # The first of these days after the beginning, then every week.
    wait = (rotation.weekday - rotation.starts_on.weekday() - 1) % DAYS_OF_WEEK + 1
    return rotation.starts_on + timedelta(days=wait + (number - 1) * DAYS_OF_WEEK)


def _days(rotation: Rotation) -> int:
    return rotation.every_days if rotation.weekday is None else DAYS_OF_WEEK
