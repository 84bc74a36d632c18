"""One-time sign-in links."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.errors import InvalidLifetime, LocalAccountsOff
from accounts.models import Person, SignInLink
from accounts.sign_in.queries import find_link, token_hash

MAXIMUM_LIFETIME_SECONDS = 24 * 3600
_TOKEN_BYTES = 32


@transaction.atomic
def issue_link(*, person: Person, valid_for_seconds: int) -> str:
    """Return the absolute address of a link that signs ``person`` in once.

    Whoever has the address can be that person here, but cannot sign for them: keys stay in browsers.
    Raises ``LocalAccountsOff`` and ``InvalidLifetime``.
    """
    if not settings.LOCAL_ACCOUNTS:
        raise LocalAccountsOff
    if not 1 <= valid_for_seconds <= MAXIMUM_LIFETIME_SECONDS:
        raise InvalidLifetime(maximum=MAXIMUM_LIFETIME_SECONDS)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    expires_at = timezone.now() + timedelta(seconds=valid_for_seconds)
    SignInLink.objects.create(person=person, token_hash=token_hash(token), expires_at=expires_at)
    return settings.SITE_ROOT + reverse("accounts:sign-in-link", args=[token])


@transaction.atomic
def redeem(*, token: str) -> Person:
    """Use up the link of ``token`` and return whom it signs in. Raises ``UnusableLink``."""
    link = find_link(token=token, lock=True)
    link.redeemed_at = timezone.now()
    link.save(update_fields=["redeemed_at"])
    return link.person
