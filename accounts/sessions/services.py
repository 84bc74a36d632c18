"""Noting and ending sessions.

A session is over when Django's row is deleted: no cookie opens it again, and a page that is under way in
another thread cannot bring it back. Sockets follow within two seconds (``accounts.sessions.changes``).
"""

from __future__ import annotations

import math
import time
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.errors import UnknownSession
from accounts.models import Person, PersonSession
from accounts.models.person_session import MAXIMUM_USER_AGENT
from accounts.sessions.changes import note_access_change

SEEN_EVERY = timedelta(seconds=60)
_REMEMBERED = 10_000
_noted: dict[str, float] = {}


def note_seen(*, person: Person, session_key: str, user_agent: str) -> None:
    """Note that the session is used now: written at most once a minute, and asked for as often by one process."""
    if time.monotonic() - _noted.get(session_key, -math.inf) < SEEN_EVERY.total_seconds():
        return
    if len(_noted) >= _REMEMBERED:
        _noted.clear()
    _noted[session_key] = time.monotonic()
    now = timezone.now()
    known = PersonSession.objects.filter(session=session_key)
    seen_at = known.values_list("last_seen_at", flat=True).first()
    if seen_at is None:
        if Session.objects.filter(pk=session_key).exists():
            PersonSession.objects.get_or_create(
                session_id=session_key, defaults={"person": person, "user_agent": _plain(user_agent)}
            )
    elif seen_at <= now - SEEN_EVERY:
        known.filter(last_seen_at=seen_at).update(last_seen_at=now)


@transaction.atomic
def end(*, person: Person, session_id: int) -> None:
    """End one session of ``person``. Raises ``UnknownSession``."""
    keys = _keys(person).filter(pk=session_id)
    if not _end(person, list(keys)):
        raise UnknownSession


@transaction.atomic
def end_key(*, person: Person, session_key: str) -> None:
    """End the session with which ``person`` signs out."""
    _end(person, [session_key])


@transaction.atomic
def end_others(*, person: Person, session_key: str) -> int:
    """End every session of ``person`` but that of ``session_key``; return how many there were."""
    return _end(person, list(_keys(person).exclude(session=session_key)))


@transaction.atomic
def end_all(*, person: Person) -> int:
    """End every session of ``person``; return how many there were."""
    return _end(person, list(_keys(person)))


def _keys(person: Person) -> QuerySet[PersonSession, str]:
    return PersonSession.objects.filter(person=person).order_by("pk").values_list("session_id", flat=True)


def _end(person: Person, keys: list[str]) -> int:
    if keys:
        Session.objects.filter(pk__in=keys).delete()
        note_access_change(person=person)
    return len(keys)


def _plain(user_agent: str) -> str:
    return "".join(letter for letter in user_agent if letter.isprintable())[:MAXIMUM_USER_AGENT]
