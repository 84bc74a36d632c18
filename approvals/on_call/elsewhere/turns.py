"""The shifts of a schedule that is kept elsewhere, with those who step in here. Pure: no Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, pairwise

from approvals.on_call.contracts import Override, Shift
from approvals.on_call.shifts import override_at


def turns(
    fetched: Sequence[Shift], overrides: Sequence[Override], begins: datetime, ends: datetime, known_until: datetime
) -> list[Shift]:
    """Return who is on call from ``begins`` to before ``ends``, all aware: in order, several at once if they are.

    ``fetched`` are in order of their beginning, and count until ``known_until``.
    """
    spans = [*((one.begins, one.ends) for one in fetched), *((one.begins, one.ends) for one in overrides)]
    inside = (at for at in (known_until, *chain.from_iterable(spans)) if begins < at < ends)
    edges = sorted({begins, ends, *inside})
    coming, now = list(reversed(fetched)), list[Shift]()
    found: list[Shift] = []
    last: dict[Shift, int] = {}  # where in ``found`` whoever is on call until this edge stands
    for one, other in pairwise(edges):
        now = [shift for shift in now if shift.ends > one]
        while coming and coming[-1].begins <= one:
            now.append(coming.pop())
        still: dict[Shift, int] = {}
        for shift in _at(now, overrides, one, known_until):
            who = replace(shift, begins=begins, ends=begins)
            if who in last:
                found[last[who]] = replace(found[last[who]], ends=other)
            elif who not in still:
                found.append(replace(shift, begins=one, ends=other))
            still[who] = last.get(who, len(found) - 1)
        last = still
    return found


def _at(now: list[Shift], overrides: Sequence[Override], moment: datetime, known_until: datetime) -> list[Shift]:
    override = override_at(overrides, moment)
    if override is not None:
        return [Shift(override.person, moment, moment, is_override=True)]
    if moment >= known_until:
        return [Shift(None, moment, moment, is_known=False)]
    return [shift for shift in now if shift.ends > moment] or [Shift(None, moment, moment)]
