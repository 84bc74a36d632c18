"""Who is away, and who is told instead, in plain values. People are numbers here. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# How far ahead somebody may say that they are away, and how many absences of one person are kept.
FURTHEST = timedelta(days=366)
PER_PERSON = 100


@dataclass(frozen=True, slots=True)
class Away:
    """``person`` is away from ``begins`` to before ``ends``, both aware; ``stand_in`` is told instead, if anybody."""

    person: int
    stand_in: int | None
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Substitution:
    """Whom to tell in the place of ``called``: ``told``, or nobody.

    ``passed`` are the absences on the way, in order: without any, ``told`` is whoever was called.
    """

    called: int
    passed: tuple[Away, ...]
    told: int | None
