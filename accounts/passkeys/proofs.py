"""Asking for a passkey and checking the answer, at sign-in and for a step-up."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator

from accounts.models import Person
from accounts.passkeys import ceremony, challenges
from accounts.passkeys.queries import stored
from accounts.step_up.errors import NoPasskey


def begin(*, person: Person, purpose: str, session_key: str) -> dict[str, Any]:
    """Return the browser's options for using a passkey for ``purpose``. Raises ``NoPasskey``."""
    known = stored(person)
    if not known:
        raise NoPasskey
    challenge = challenges.issue(person=person, purpose=purpose, session_key=session_key)
    return ceremony.request_options(known, challenge)


def check(*, person: Person, purpose: str, session_key: str, credential: str) -> Authenticator:
    """Check a passkey's answer (``credential``, JSON) and return the passkey.

    1. The challenge was issued to this person and session for ``purpose``, and is used up by this try.
    2. A passkey of this person signed it, on this site, with user verification.

    Raises ``UnusableChallenge`` and ``PasskeyRefused``.
    """
    answer, challenge = ceremony.read_challenge(credential)
    challenges.spend(person=person, purpose=purpose, session_key=session_key, challenge=challenge)  # 1
    return ceremony.check_assertion(answer, stored(person), challenge)  # 2
