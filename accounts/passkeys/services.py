"""Adding, naming and removing passkeys.

A passkey says that it is really the person. It signs no decision: that takes the key in their browser.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.db import transaction
from fido2.utils import websafe_decode

from accounts.errors import InvalidName
from accounts.models import Person
from accounts.passkeys import ceremony, challenges
from accounts.passkeys.queries import stored
from accounts.step_up.contracts import PASSKEYS
from accounts.step_up.errors import PasskeyTaken, TooManyPasskeys, UnknownPasskey
from accounts.step_up.freshness import Presence, require_fresh, use_fresh
from audit.ledger.services import append
from audit.statements.kinds import EntryKind

KEYS_CHAIN = "keys"
ADDING = f"{PASSKEYS}:add"
MAXIMUM_PASSKEYS = 10
MAXIMUM_NAME = 100


def begin_adding(*, person: Person, presence: Presence) -> dict[str, Any]:
    """Return the browser's options for making a passkey. Raises ``NotFresh`` and ``TooManyPasskeys``."""
    require_fresh(person=person, presence=presence)
    known = stored(person)
    _require_room(known)
    challenge = challenges.issue(person=person, purpose=ADDING, session_key=presence.session_key)
    return ceremony.creation_options(person, known, challenge)


def add(*, person: Person, presence: Presence, credential: str, name: str) -> Authenticator:
    """Keep the passkey that a browser made: ``credential`` is its answer as JSON.

    1. The name is usable.
    2. The challenge was issued to this person and session for this, and is used up by this try.
    3. The answer was made on this site, for this challenge, with user verification.
    4. The person has just signed in or confirmed.
    5. There is room, and nobody has this passkey already.

    Raises the error of the first that fails; then nothing was kept.
    """
    name = _clean_name(name)  # 1
    answer, challenge = ceremony.read_challenge(credential)
    challenges.spend(person=person, purpose=ADDING, session_key=presence.session_key, challenge=challenge)  # 2
    credential_id, kept = ceremony.check_registration(answer, challenge)  # 3
    with transaction.atomic():
        _lock(person)
        use_fresh(person=person, presence=presence)  # 4
        _require_room(stored(person))  # 5
        taken = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN, data__credential__rawId=kept["rawId"])
        if taken.exists():
            raise PasskeyTaken
        passkey = WebAuthn.add(person, name, kept).instance
        _record(EntryKind.PASSKEY_ADDED, person, credential_id, {"name": name})
    return passkey


@transaction.atomic
def rename(*, person: Person, passkey_id: int, name: str) -> Authenticator:
    """Give a passkey of ``person`` another name. Raises ``UnknownPasskey`` and ``InvalidName``."""
    name = _clean_name(name)
    passkey = _own(person, passkey_id)
    passkey.data["name"] = name
    passkey.save(update_fields=["data"])
    return passkey


@transaction.atomic
def remove(*, person: Person, presence: Presence, passkey_id: int) -> str:
    """Remove a passkey of ``person`` and return its name. Raises ``UnknownPasskey`` and ``NotFresh``."""
    _lock(person)
    passkey = _own(person, passkey_id)
    use_fresh(person=person, presence=presence)
    name = str(passkey.wrap().name)
    _drop(person, passkey, by=person.external_id)
    return name


@transaction.atomic
def remove_all(*, person: Person, by: str) -> int:
    """Remove every passkey of somebody who has lost them, and return how many. ``by`` is who decided that, as text."""
    _lock(person)
    passkeys = stored(person)
    for passkey in passkeys:
        _drop(person, passkey, by=by)
    return len(passkeys)


def _require_room(known: list[Authenticator]) -> None:
    if len(known) >= MAXIMUM_PASSKEYS:
        raise TooManyPasskeys(maximum=MAXIMUM_PASSKEYS)


def _lock(person: Person) -> None:
    Person.objects.select_for_update().get(pk=person.pk)


def _own(person: Person, passkey_id: int) -> Authenticator:
    passkeys = Authenticator.objects.select_for_update().filter(user=person, type=Authenticator.Type.WEBAUTHN)
    passkey = passkeys.filter(pk=passkey_id).first()
    if passkey is None:
        raise UnknownPasskey
    return passkey


def _drop(person: Person, passkey: Authenticator, *, by: str) -> None:
    credential_id = websafe_decode(passkey.data["credential"]["rawId"])
    passkey.delete()
    _record(EntryKind.PASSKEY_REMOVED, person, credential_id, {"by": by})


def _record(kind: EntryKind, person: Person, credential_id: bytes, details: dict[str, object]) -> None:
    identity = {"person": person.external_id, "credential": credential_id}
    append(chain=KEYS_CHAIN, kind=kind, details={**identity, **details})


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAXIMUM_NAME or not name.isprintable():
        raise InvalidName(maximum=MAXIMUM_NAME)
    return name
