"""The revoked keys of people, as the issuer signs them for workers.

    context   = "countersign-key-revocations-v1"
    statement = canonical CBOR {"at": ms since 1970, "keys": [{"at": ms since 1970, "key": bytes 32}, ...],
                "number": from 1, strictly rising, "version": 1}, signed by a trusted root (an issuer's key)

A list may only ever add keys: whoever holds the issuer's key can revoke, and cannot bring a revoked key back.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.statements.statements import (
    Context,
    Envelope,
    MalformedStatement,
    parse,
    require_bytes,
    require_uint,
)
from workers.gates.revocation import RevocationRefused
from workers.gates.trusted_roots import TrustedRoots

_FIELDS = {"at", "keys", "number", "version"}


class KeyRevocations:
    """The newest list this worker knows. A list counts only if a root trusted now signed it."""

    def __init__(self, trusted_roots: TrustedRoots) -> None:
        self._roots = trusted_roots
        self._times: dict[bytes, int] = {}
        self.number = 0

    @property
    def times(self) -> Mapping[bytes, int]:
        """When (milliseconds since 1970) each revoked key was revoked."""
        return self._times

    def __contains__(self, key: bytes) -> bool:
        return key in self._times

    def apply(self, data: bytes) -> bool:
        """Install the list in ``data`` and return True; return False if that number is installed already.

        Raises ``RevocationRefused`` for bytes that are no list, for a signature that is not a trusted root's, for an
        older list, and for one that lacks a key which an earlier one revoked.
        """
        try:
            envelope = parse(data)
            number, times = _read(envelope)
            envelope.verify(Context.KEY_REVOCATIONS)
        except MalformedStatement as error:
            raise RevocationRefused(f"The list of revoked keys cannot be used. {error}") from error
        if envelope.signer_key not in self._roots.keys:
            raise RevocationRefused("The list of revoked keys is not signed by a trusted root.")
        if number == self.number:
            return False
        if number < self.number:
            raise RevocationRefused(f"The list of revoked keys has number {number}, older than {self.number}.")
        if not self._times.keys() <= times.keys():
            raise RevocationRefused("The list of revoked keys lacks a key that was revoked before.")
        # The earliest time stands: a later one would bring back what the key endorsed in between.
        self._times = {key: min(at, self._times.get(key, at)) for key, at in times.items()}
        self.number = number
        return True


def _read(envelope: Envelope) -> tuple[int, dict[bytes, int]]:
    facts = envelope.facts
    if set(facts) != _FIELDS or not isinstance(facts["keys"], list):
        raise MalformedStatement("statement", "It does not have the fields it must have.")
    require_uint("at", facts["at"])
    times: dict[bytes, int] = {}
    for item in facts["keys"]:
        if not isinstance(item, dict) or set(item) != {"at", "key"}:
            raise MalformedStatement("keys", "A revoked key does not have the fields it must have.")
        times[require_bytes("key", item["key"], 32)] = require_uint("at", item["at"])
    return require_uint("number", facts["number"]), times
