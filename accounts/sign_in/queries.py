"""Reading sign-in links."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.utils import timezone

from accounts.errors import UnusableLink
from accounts.models import SignInLink


def find_link(*, token: str, lock: bool = False) -> SignInLink:
    """Return the link of ``token``, with its person. Reading a link changes nothing.

    Raises ``UnusableLink`` if there is none, it is used or late, its person is not active, or there are no
    local accounts here.
    """
    if not settings.LOCAL_ACCOUNTS:
        raise UnusableLink
    links = SignInLink.objects.select_related("person").filter(
        token_hash=token_hash(token), redeemed_at=None, expires_at__gt=timezone.now(), person__is_active=True
    )
    link = (links.select_for_update(of=("self",)) if lock else links).first()
    if link is None:
        raise UnusableLink
    return link


def token_hash(token: str) -> bytes:
    """Return what is stored of a token. One SHA-256 is enough: a token is 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
