"""Reading people's passkeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator

from accounts.models import Person


@dataclass(frozen=True, slots=True)
class PasskeyLine:
    """A passkey as its owner sees it."""

    id: int
    name: str
    added_at: datetime
    last_used_at: datetime | None


def stored(person: Person) -> list[Authenticator]:
    """Return the passkeys of ``person``, oldest first."""
    return list(Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN).order_by("pk"))


def has_passkey(person: Person) -> bool:
    return Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN).exists()


def passkeys_of(person: Person) -> list[PasskeyLine]:
    """Return the passkeys of ``person`` for their page, oldest first."""
    return [
        PasskeyLine(passkey.pk, passkey.wrap().name, passkey.created_at, passkey.last_used_at)
        for passkey in stored(person)
    ]
