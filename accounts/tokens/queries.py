"""Reading tokens."""

from __future__ import annotations

import hashlib

from django.utils import timezone

from accounts.models import ApiToken, Person


def live_token(text: str) -> ApiToken | None:
    """Return the token with this text, with its person, if it still counts.

    One query asks everything: not revoked, not expired, and the person not disabled since.
    """
    return (
        ApiToken.objects.select_related("person")
        .filter(token_hash=token_hash(text), revoked_at=None, expires_at__gt=timezone.now(), person__is_active=True)
        .first()
    )


def tokens_of(person: Person) -> list[ApiToken]:
    """Return all tokens of ``person``, newest first, also those that are over."""
    return list(ApiToken.objects.filter(person=person))


def token_hash(text: str) -> bytes:
    """Return what is stored of a token. One SHA-256 is enough: a token is 256 random bits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
