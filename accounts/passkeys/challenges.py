"""Issuing and using up the challenges that passkeys sign."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.utils import timezone

from accounts.models import PasskeyChallenge, Person
from accounts.passkeys.ceremony import CHALLENGE_BYTES
from accounts.step_up.contracts import session_mark
from accounts.step_up.errors import UnusableChallenge

# Long enough to find a security key in a bag.
LIFETIME = timedelta(minutes=5)


def issue(*, person: Person, purpose: str, session_key: str) -> bytes:
    """Return 32 fresh bytes for ``person`` to sign with a passkey, in this session and for ``purpose`` only."""
    now = timezone.now()
    PasskeyChallenge.objects.filter(expires_at__lt=now).delete()
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    PasskeyChallenge.objects.create(
        person=person,
        purpose=purpose,
        session=session_mark(session_key),
        challenge=challenge,
        issued_at=now,
        expires_at=now + LIFETIME,
    )
    return challenge


def spend(*, person: Person, purpose: str, session_key: str, challenge: bytes) -> None:
    """Use ``challenge`` up. Raises ``UnusableChallenge`` unless it was issued for exactly this and is still good.

    It is used up before the answer is checked: a wrong answer needs a new challenge. So the caller must not let a
    refusal roll this back.
    """
    now = timezone.now()
    spent = PasskeyChallenge.objects.filter(
        person=person,
        purpose=purpose,
        session=session_mark(session_key),
        challenge=challenge,
        spent_at=None,
        expires_at__gt=now,
    ).update(spent_at=now)
    if not spent:
        raise UnusableChallenge
