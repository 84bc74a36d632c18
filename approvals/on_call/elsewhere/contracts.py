"""Schedules that somebody else keeps, what is fetched of them, and what can go wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

# What is fetched: a little of what was, so that clocks may differ, and so much of what comes.
BEFORE = timedelta(hours=1)
AHEAD = timedelta(weeks=5)
MOST_SHIFTS = 1000
MOST_NAME = 100
MOST_EMAIL = 254


class Kind(StrEnum):
    """Who keeps a schedule."""

    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    ICAL = "ical"

    @property
    def label(self) -> str:
        return {"pagerduty": "PagerDuty", "opsgenie": "Opsgenie", "ical": "iCalendar"}[self]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that the operator has named. ``id`` and ``token`` are the service's; a calendar has neither.

    ``time_zone`` is for a calendar's times that have none. An address may hold a secret, so it is shown nowhere.
    """

    name: str
    kind: Kind
    url: str = field(repr=False)
    id: str = ""
    token: str = field(default="", repr=False)
    time_zone: str = "UTC"
    allow_private: bool = False  # addresses inside this network
    namespaces: frozenset[str] = frozenset()  # whose rotations may be taken from it; empty: of all

    def serves(self, namespace: str) -> bool:
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True, order=True)
class FetchedShift:
    """Somebody is on call from ``begins`` to before ``ends``, as their keeper calls them. Either name may be empty."""

    begins: datetime
    ends: datetime
    email: str
    name: str


class Trouble(StrEnum):
    """Why nothing was fetched. Values are stored; none is ever reused."""

    NOT_ALLOWED = "not_allowed"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    MOVED = "moved"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    BROKEN = "broken"
    UNEXPECTED = "unexpected"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    TOO_COSTLY = "too_costly"
    NOT_UNDERSTOOD = "not_understood"
    NOT_NAMED = "not_named"  # by the setting, any more


class FetchFailed(Exception):
    """``detail`` may hold words of the other side. ``asked_seconds``: for which it wants to be left alone."""

    def __init__(self, trouble: Trouble, detail: str = "", *, asked_seconds: float = 0.0) -> None:
        super().__init__(trouble, detail)
        self.trouble, self.detail, self.asked_seconds = trouble, detail, asked_seconds


def tidy(found: list[FetchedShift], begins: datetime, ends: datetime) -> list[FetchedShift]:
    """Return what of ``found`` is between ``begins`` and ``ends``, cut there, each once and in order, in UTC.

    Raises ``FetchFailed`` if there is more than anybody's schedule has.
    """
    cut = {
        FetchedShift(
            begins=max(one.begins, begins).astimezone(UTC),
            ends=min(one.ends, ends).astimezone(UTC),
            email=one.email if one.email.isprintable() and len(one.email) <= MOST_EMAIL else "",
            name=on_one_line(one.name)[:MOST_NAME],
        )
        for one in found
        if one.begins < ends and one.ends > begins and one.begins < one.ends
    }
    if len(cut) > MOST_SHIFTS:
        raise FetchFailed(Trouble.TOO_MANY, f"{MOST_SHIFTS} shifts in {AHEAD.days // 7} weeks")
    return sorted(cut)


def joined(earlier: Iterable[FetchedShift], fetched: Iterable[FetchedShift], since: datetime) -> list[FetchedShift]:
    """Return ``earlier`` up to ``since``, and ``fetched`` then; the two parts of a shift that goes on are one."""
    past = [replace(one, ends=min(one.ends, since)) for one in earlier if one.begins < since]
    going_on = {(one.email, one.name): one for one in past if one.ends == since}
    begun = {one: going_on.get((one.email, one.name)) for one in fetched if one.begins == since}
    whole = [replace(one, begins=part.begins) if (part := begun.get(one)) else one for one in fetched]
    return [*(one for one in past if one not in begun.values()), *whole]


def on_one_line(text: str) -> str:
    """Return ``text`` without line breaks, and without what cannot be printed or stored."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
