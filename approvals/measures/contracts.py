"""What is measured about requests and about how people decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

HASTE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Requests:
    """How the requests of a time ended. ``rest`` were withdrawn, or still wait."""

    total: int = 0
    approved: int = 0  # by enough people, whatever came of it
    denied: int = 0
    expired: int = 0

    @property
    def rest(self) -> int:
        return self.total - self.approved - self.denied - self.expired

    @property
    def decided(self) -> int:
        return self.approved + self.denied

    @property
    def approval_percent(self) -> int | None:
        """Of the requests that people decided."""
        return percent(self.approved, self.decided)

    @property
    def expired_percent(self) -> int | None:
        return percent(self.expired, self.total)

    def __add__(self, other: Requests) -> Requests:
        return Requests(
            self.total + other.total,
            self.approved + other.approved,
            self.denied + other.denied,
            self.expired + other.expired,
        )


@dataclass(frozen=True, slots=True)
class Day:
    """The requests that were opened on one day, in UTC."""

    date: date
    requests: Requests


@dataclass(frozen=True, slots=True)
class Signed:
    """One decision. ``seconds`` went by since its person first opened the request; None if that is not known."""

    external_id: str
    name: str
    is_approval: bool
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Habits:
    """How one person, or everybody, decides. ``timed`` are the decisions of which the time is known."""

    decisions: int
    approvals: int
    timed: int
    median_seconds: float | None
    timed_approvals: int
    hasty: int  # approvals in less than ``HASTE_SECONDS``

    @property
    def approval_percent(self) -> int | None:
        return percent(self.approvals, self.decisions)

    @property
    def hasty_percent(self) -> int | None:
        """Of the approvals of which the time is known."""
        return percent(self.hasty, self.timed_approvals)

    @property
    def median_words(self) -> str:
        return "" if self.median_seconds is None else in_words(self.median_seconds)


@dataclass(frozen=True, slots=True)
class PersonHabits:
    name: str
    external_id: str
    is_you: bool
    habits: Habits


@dataclass(frozen=True, slots=True)
class Measures:
    """What the page shows of the last ``days`` days. ``people`` are those whose habits the person may see."""

    days: int
    requests: Requests
    by_day: list[Day]
    habits: Habits
    people: list[PersonHabits]
    sees_people: bool
    is_cut: bool  # there were more decisions than are looked at: the newest count


def habits_of(signed: Sequence[Signed]) -> Habits:
    times = [one.seconds for one in signed if one.seconds is not None]
    quick = [one.seconds for one in signed if one.is_approval and one.seconds is not None]
    return Habits(
        decisions=len(signed),
        approvals=sum(one.is_approval for one in signed),
        timed=len(times),
        median_seconds=median(times) if times else None,
        timed_approvals=len(quick),
        hasty=sum(seconds < HASTE_SECONDS for seconds in quick),
    )


def percent(part: int, whole: int) -> int | None:
    """Return ``part`` in hundredths of ``whole``, rounded, or None of nothing."""
    return round(100 * part / whole) if whole else None


def in_words(seconds: float) -> str:
    """Return a time span: ``2.4 s``, ``48 s``, ``3 min 20 s``, ``1 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
