"""Whether somebody may change their passkeys: they signed in just now, or confirmed that it is them.

allauth's own check lets everybody pass who has neither password nor code; so its records of the session
(``get_authentication_records``) are judged here. A person with a passkey must have used it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Person
from accounts.passkeys.queries import has_passkey
from accounts.step_up import queries
from accounts.step_up.contracts import PASSKEYS
from accounts.step_up.errors import NoStepUp, NotFresh
from accounts.step_up.services import consume

FRESH_SECONDS = 300
_FIRST_FACTORS = ("password", "socialaccount", "link")


@dataclass(frozen=True, slots=True)
class Presence:
    """A session: its key, and allauth's records of how its person signed in (``method``, ``type``, ``at``)."""

    session_key: str
    sign_ins: Sequence[dict[str, Any]]


def is_fresh(*, person: Person, presence: Presence) -> bool:
    """Return whether ``person`` may change their passkeys in this session now."""
    confirmed = queries.unused(
        person=person, purpose=PASSKEYS, session_key=presence.session_key, max_age_seconds=FRESH_SECONDS
    )
    return confirmed is not None or signed_in_just_now(person, presence)


def require_fresh(*, person: Person, presence: Presence) -> None:
    """Raise ``NotFresh`` unless ``is_fresh``."""
    if not is_fresh(person=person, presence=presence):
        raise NotFresh


def use_fresh(*, person: Person, presence: Presence) -> None:
    """Like ``require_fresh``, in the transaction of the change: a confirmation is used up by it."""
    if signed_in_just_now(person, presence):
        return
    try:
        consume(person=person, purpose=PASSKEYS, session_key=presence.session_key, max_age_seconds=FRESH_SECONDS)
    except NoStepUp as error:
        raise NotFresh from error


def signed_in_just_now(person: Person, presence: Presence) -> bool:
    """Return whether ``person`` signed in within minutes, in this session, with their passkey if they have one."""
    now = time.time()
    recent = [record for record in presence.sign_ins if 0 <= now - record.get("at", 0) <= FRESH_SECONDS]
    if has_passkey(person):
        return any((record.get("method"), record.get("type")) == ("mfa", "webauthn") for record in recent)
    return any(record.get("method") in _FIRST_FACTORS for record in recent)
