"""Reading sessions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Person, PersonSession
from accounts.sessions.devices import describe


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One open session; it names no key with which anybody could be that person."""

    id: int
    device: str
    begun_at: datetime
    last_seen_at: datetime
    is_this_one: bool


def sessions_of(person: Person, *, session_key: str | None = None) -> list[SessionLine]:
    """Return the open sessions of ``person``, the one of ``session_key`` first, then the last seen."""
    found = _open().filter(person=person)
    return sorted((_line(row, session_key) for row in found), key=lambda line: not line.is_this_one)


def sessions_by_person(people: Collection[int]) -> dict[int, list[SessionLine]]:
    """Return the open sessions of several people, by the person's id, in one query."""
    found: dict[int, list[SessionLine]] = {}
    for row in _open().filter(person__in=people):
        found.setdefault(row.person_id, []).append(_line(row, None))
    return found


def is_open(session_key: str | None) -> bool:
    """Return whether the session still signs somebody in."""
    return Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now()).exists()


def _open() -> QuerySet[PersonSession]:
    return PersonSession.objects.filter(session__expire_date__gt=timezone.now())


def _line(row: PersonSession, session_key: str | None) -> SessionLine:
    return SessionLine(
        id=row.pk,
        device=describe(row.user_agent),
        begun_at=row.begun_at,
        last_seen_at=row.last_seen_at,
        is_this_one=session_key is not None and row.session_id == session_key,
    )
