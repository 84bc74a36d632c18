"""Whom to tell in whose place. Pure: no Django.

The way leads from whoever is away to their stand-in, and on from there, to the first who is here. Whether that person
can decide is not asked here: standing in gives nobody a right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from approvals.absence.contracts import Away, Substitution
from approvals.on_call.contracts import Shift

# Further than any real one. Loops that two people made at once end here too.
LONGEST_WAY = 10


def away_at(absences: Iterable[Away], moment: datetime) -> dict[int, Away]:
    """Return the absences of ``moment``, by person."""
    return {one.person: one for one in absences if one.begins <= moment < one.ends}


def in_place_of(person: int, away: Mapping[int, Away]) -> Substitution:
    """Return whom to tell in the place of ``person`` while ``away`` are."""
    passed: list[Away] = []
    here: int | None = person
    while here is not None and here in away and away[here] not in passed and len(passed) < LONGEST_WAY:
        passed.append(away[here])
        here = away[here].stand_in
    return Substitution(person, tuple(passed), None if here in away else here)


def closes_a_loop(new: Away, others: Iterable[Away]) -> bool:
    """Return whether with ``new`` there would be a moment at which somebody, in the end, stands in for themself."""
    of: dict[int | None, list[Away]] = {}
    for other in others:
        of.setdefault(other.person, []).append(other)
    ways = [(new, 1)]
    while ways:
        last, length = ways.pop()
        if last.stand_in == new.person:
            return True
        if length < LONGEST_WAY:
            met = (_together(last, other) for other in of.get(last.stand_in, []))
            ways += [(other, length + 1) for other in met if other.begins < other.ends]
    return False


def with_stand_ins(shifts: Iterable[Shift], absences: Sequence[Away]) -> list[Shift]:
    """Return ``shifts`` cut where somebody goes or comes back, with who stands in: in order of their beginning."""
    edges = sorted({edge for one in absences for edge in (one.begins, one.ends)})
    found: list[Shift] = []
    for shift in shifts:
        inside = [shift.begins, *(edge for edge in edges if shift.begins < edge < shift.ends), shift.ends]
        for begins, ends in pairwise(inside):
            part = _part(shift, begins, ends, away_at(absences, begins))
            if found and replace(found[-1], ends=ends) == replace(part, begins=found[-1].begins):
                part = replace(found.pop(), ends=ends)
            found.append(part)
    return sorted(found, key=lambda shift: shift.begins)


def _together(one: Away, other: Away) -> Away:
    return replace(other, begins=max(one.begins, other.begins), ends=min(one.ends, other.ends))


def _part(shift: Shift, begins: datetime, ends: datetime, away: Mapping[int, Away]) -> Shift:
    if shift.person is None or shift.person not in away:
        return replace(shift, begins=begins, ends=ends)
    stand_in = in_place_of(shift.person, away).told
    return replace(shift, begins=begins, ends=ends, is_away=True, stand_in=stand_in)
