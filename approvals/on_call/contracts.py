"""Who is on call, in plain values. People are numbers here: what they are called is for whoever shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

MAXIMUM_DAYS = 366
DAYS_OF_WEEK = 7
# How far hand-over lists look back, and what was on call elsewhere is kept.
LOOKED_BACK = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Rotation:
    """People in order, who hand over at ``hands_over`` by the clock of the IANA zone ``time_zone``.

    It begins on the day ``starts_on``, at that time, with the first of ``people``. They hand over every ``every_days``
    (1 to 366); or, with ``weekday`` (0 is Monday), on that day of every week, the first time after the beginning.
    """

    people: tuple[int, ...]
    hands_over: time
    time_zone: str
    starts_on: date
    every_days: int = DAYS_OF_WEEK
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else from ``begins`` to before ``ends``, both aware."""

    person: int
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call from ``begins`` to before ``ends``: nobody if ``person`` is None.

    ``name`` and ``email`` are then what somebody who is not known here is called elsewhere. Without ``is_known`` it
    may be anybody: what was fetched ends before.
    If that person ``is_away``, ``stand_in`` is told in their place, or nobody.
    """

    person: int | None
    begins: datetime
    ends: datetime
    is_override: bool = False
    name: str = ""
    email: str = ""
    is_known: bool = True
    is_away: bool = False
    stand_in: int | None = None

    @property
    def told(self) -> int | None:
        return self.stand_in if self.is_away else self.person


class Why(StrEnum):
    """Why nobody can be called."""

    NOBODY = "nobody"
    LEFT = "left"
    CANNOT_DECIDE = "cannot_decide"
    STRANGER = "stranger"
    NOT_FETCHED = "not_fetched"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Gap:
    """A shift in which nobody who can decide is on call."""

    shift: Shift
    why: Why


class Source(Protocol):
    """Whatever knows who is on call. One that is kept elsewhere answers the same question."""

    def on_call_at(self, moment: datetime) -> tuple[int, ...]:
        """Return the ids of the people on call at ``moment``, which is aware; none if nobody is."""
        ...
