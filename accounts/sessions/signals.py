"""Sessions begin when somebody signs in, however they do, and end when they sign out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest

from accounts.models import Person
from accounts.sessions.services import end_key, note_seen


def connect() -> None:
    user_logged_in.connect(_begin, dispatch_uid="accounts.sessions.begin")
    user_logged_out.connect(_end, dispatch_uid="accounts.sessions.end")


def _begin(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    if not isinstance(user, Person):
        return
    if request.session.session_key is None:
        request.session.save()
    note_seen(
        person=user,
        session_key=str(request.session.session_key),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
    )


def _end(sender: Any, request: HttpRequest, user: Any, **_: Any) -> None:
    # Django deletes the session only after this: a socket that looks in between would find it open.
    if isinstance(user, Person) and request.session.session_key is not None:
        end_key(person=user, session_key=request.session.session_key)
