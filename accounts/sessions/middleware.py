"""Last seen: to the minute, and never at the cost of a write for every page."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponseBase

from accounts.models import Person
from accounts.sessions.services import note_seen

logger = logging.getLogger(__name__)


class LastSeenMiddleware:
    """Notes when a session was last used, after the page is made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, http_request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(http_request)
        # Pages that did not ask who is there tell nothing about anybody.
        if http_request.session.accessed and isinstance(http_request.user, Person):
            _note(http_request, http_request.user)
        return response


def _note(http_request: HttpRequest, person: Person) -> None:
    session_key = http_request.session.session_key
    if session_key is None:
        return
    try:
        note_seen(person=person, session_key=session_key, user_agent=http_request.headers.get("user-agent", ""))
    except DatabaseTrouble as error:
        # Nobody should lose a page over this.
        logger.warning("When a session was last used could not be noted: %s", type(error).__name__)
