"""Making and revoking tokens. Whoever has one may do what its person may do, as far as its scope goes."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.errors import InvalidTokenLifetime, InvalidTokenName, MintingTokenRefused, NoRole, UnknownToken
from accounts.models import ApiToken, Person
from accounts.models.api_token import MAXIMUM_NAME
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.tokens.contracts import Scope
from accounts.tokens.queries import token_hash

DEFAULT_LIFETIME = timedelta(hours=8)
LONGEST_LIFETIME = timedelta(days=30)
# So that a program that scans for leaked secrets knows one when it sees it.
PREFIX = "countersign_"
_TOKEN_BYTES = 32
_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make(
    *, person: Person, name: str, lifetime: timedelta = DEFAULT_LIFETIME, scope: Scope = Scope.COMMAND_LINE
) -> tuple[ApiToken, str]:
    """Return a new token of ``person`` and its text, which nobody can ask for again.

    Raises ``NoRole``, ``MintingTokenRefused``, ``InvalidTokenName`` and ``InvalidTokenLifetime``.
    """
    if not has_role(person, Role.VIEWER):
        raise NoRole
    if scope is Scope.MINTING and not has_role(person, Role.SECURITY_ADMINISTRATOR):
        raise MintingTokenRefused
    name = clean_name(name)
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise InvalidTokenLifetime(days=LONGEST_LIFETIME.days)
    text = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    now = timezone.now()
    token = ApiToken.objects.create(
        person=person,
        token_hash=token_hash(text),
        name=name,
        scope=scope.value,
        created_at=now,
        expires_at=now + lifetime,
    )
    return token, text


@transaction.atomic
def revoke(*, person: Person, token_id: int) -> ApiToken:
    """Revoke a token of ``person`` for good; twice keeps the first time. Raises ``UnknownToken``."""
    token = ApiToken.objects.select_for_update().filter(person=person, pk=token_id).first()
    if token is None:
        raise UnknownToken
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def mark_used(*, token: ApiToken) -> None:
    """Note that ``token`` was shown just now, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= _NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def clean_name(name: str) -> str:
    """Return ``name`` with single spaces. Raises ``InvalidTokenName`` if people could not read it."""
    name = " ".join(name.split())
    if not name or len(name) > MAXIMUM_NAME or not name.isprintable():
        raise InvalidTokenName(maximum=MAXIMUM_NAME)
    return name
