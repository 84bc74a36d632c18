"""Nothing can be tried for ever."""

from __future__ import annotations

from allauth.core import ratelimit
from django.http import HttpRequest

from accounts.models import Person
from accounts.step_up.errors import TooManyAttempts


def count(http_request: HttpRequest, *, action: str, person: Person) -> None:
    """Count one try of ``action`` (a key of ``ACCOUNT_RATE_LIMITS``) by ``person``. Raises ``TooManyAttempts``."""
    if not ratelimit.consume(http_request, action=action, user=person):
        raise TooManyAttempts
