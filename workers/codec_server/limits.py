"""How much one person may ask for. Counted in the cache, like the attempts at passwords."""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from accounts.models import Person
from workers.codec_server.errors import TooManyReads

# Temporal's command line asks once for every field of every event, one after the other.
_RATES = {"payloads": "1200/m/user"}


def count(http_request: HttpRequest, *, person: Person) -> None:
    """Count one request of ``person``. Raises ``TooManyReads``."""
    if not ratelimit.consume(
        http_request, app="workers", action="payloads", config=_RATES, user=person, limit_get=True
    ):
        raise TooManyReads
