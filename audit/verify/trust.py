"""Step 2, and what is trusted: root keys given from outside, and the service keys that they endorsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import tenuo_core

from audit.statements.statements import Context, MalformedStatement, parse
from audit.verify.fields import Fields
from audit.verify.reading import UnusableInput
from audit.verify.steps import Step, require

# A first attempt's proof of possession may be about a minute old. Temporal's retries send the first one again,
# so Tenuo looks further back for them: at most two hours here.
_RETRY_WINDOWS = 480
_LEDGER, _RECEIPTS = "ledger", "receipts"


@dataclass(frozen=True, slots=True)
class Roots:
    """The trusted root keys, and Tenuo's authorizer over them, for first attempts and for retries."""

    keys: frozenset[bytes]
    authorizer: tenuo_core.Authorizer
    retry_authorizer: tenuo_core.Authorizer

    @classmethod
    def of(cls, roots: list[str]) -> Roots:
        """Return the roots in ``roots``, each 64 hexadecimal digits. Raises ``UnusableInput``."""
        if not roots:
            raise UnusableInput("Give at least one root key with --root; the keys page and the issuer's owner know it.")
        try:
            keys = [bytes.fromhex(root) for root in roots]
            public_keys = [tenuo_core.PublicKey.from_bytes(key) for key in keys]
        except Exception as error:
            raise UnusableInput("A root key is an Ed25519 public key of 64 hexadecimal digits.") from error
        return cls(
            keys=frozenset(keys),
            authorizer=tenuo_core.Authorizer(trusted_roots=public_keys),
            retry_authorizer=tenuo_core.Authorizer(trusted_roots=public_keys, pop_max_windows=_RETRY_WINDOWS),
        )


def people_roots_of(roots: Sequence[str]) -> frozenset[bytes]:
    """Return the people roots in ``roots``, each 64 hexadecimal digits. Raises ``UnusableInput``."""
    try:
        keys = frozenset(bytes.fromhex(root) for root in roots)
    except ValueError as error:
        raise UnusableInput("A people root is an Ed25519 public key of 64 hexadecimal digits.") from error
    if any(len(key) != 32 for key in keys):
        raise UnusableInput("A people root is an Ed25519 public key of 64 hexadecimal digits.")
    return keys


@dataclass(frozen=True, slots=True)
class Endorsed:
    """The service keys that a trusted root endorsed, by what they may sign."""

    ledger: frozenset[bytes]
    receipts: frozenset[bytes]


def endorsed_keys(endorsements: Sequence[bytes], roots: Roots) -> Endorsed:
    """Step 2. Return the keys that ``endorsements``, signed envelopes, endorse. Raises ``Refused``.

    An endorsement by any other key counts for nothing.
    """
    found: dict[str, set[bytes]] = {_LEDGER: set(), _RECEIPTS: set()}
    for data in endorsements:
        facts = _endorsed_by(roots.keys, data)
        if facts is None:
            continue
        found.setdefault(facts.text("role"), set()).add(facts.data("key", 32))
    require(
        bool(found[_LEDGER]),
        Step.LEDGER_KEY,
        "No root key that you trust endorsed the key that signs this ledger. Check the --root you gave.",
    )
    return Endorsed(ledger=frozenset(found[_LEDGER]), receipts=frozenset(found[_RECEIPTS]))


# Every incident carries the same few.
@lru_cache(maxsize=64)
def _endorsed_by(roots: frozenset[bytes], data: bytes) -> Fields | None:
    """Return what the endorsement in ``data`` says, or None unless one of ``roots`` signed it."""
    try:
        envelope = parse(data)
        if envelope.signer_key not in roots:
            return None
        envelope.verify(Context.ENDORSEMENT)
    except MalformedStatement:
        return None
    return Fields(envelope.facts, Step.LEDGER_KEY)
