"""Confirming at a person's identity provider: what this room asks of single sign-on, and what it takes back.

Whoever speaks to providers registers one object here. It must start a sign-in with ``prompt=login&max_age=0``, and at
the callback verify the token, that it names the same (issuer, subject) as the person who is signed in, and its
``auth_time``; then it calls ``completed``.
"""

from __future__ import annotations

from typing import Protocol

from django.http import HttpRequest, HttpResponse

from accounts.models import Person, StepUp
from accounts.step_up import services
from accounts.step_up.errors import NoProvider


class Reauthentication(Protocol):
    """Asks people to sign in again where they come from."""

    def name_for(self, person: Person) -> str:
        """Return the name of the provider that can ask ``person`` again, for people, or an empty text."""

    def start(self, http_request: HttpRequest, *, purpose: str, next_path: str) -> HttpResponse:
        """Return the redirect to the provider. ``purpose`` comes back to ``completed``, people to ``next_path``."""


_registered: list[Reauthentication] = []


def register(reauthentication: Reauthentication | None) -> Reauthentication | None:
    """Let ``reauthentication`` be the one, None takes it away; return the one before."""
    before = _registered[0] if _registered else None
    _registered[:] = [reauthentication] if reauthentication is not None else []
    return before


def name_for(person: Person) -> str:
    """Return the name of the provider at which ``person`` can confirm, or an empty text."""
    return _registered[0].name_for(person) if _registered else ""


def start(http_request: HttpRequest, *, person: Person, purpose: str, next_path: str) -> HttpResponse:
    """Send ``person`` to their provider and back to ``next_path``, a path on this site.

    Raises ``NoProvider`` and ``MalformedInput``.
    """
    if not name_for(person):
        raise NoProvider
    services.begin_visit(person=person, purpose=purpose, session_key=http_request.session.session_key or "")
    return _registered[0].start(http_request, purpose=purpose, next_path=next_path)


def completed(http_request: HttpRequest, *, person: Person, purpose: str, auth_time: int) -> StepUp:
    """Record a verified answer of the provider: ``person`` signed in again at ``auth_time``, UTC seconds.

    Raises ``ProviderRefused`` if nobody asked for it, or it is not from after the asking. Then show the sentence.
    """
    session_key = http_request.session.session_key or ""
    return services.complete_visit(person=person, purpose=purpose, session_key=session_key, auth_time=auth_time)
