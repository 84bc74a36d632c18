"""Reading and verifying a warrant chain against pinned roots. The twin of ``static/js/lib/warrant.js``.

    SignedWarrant = [1, payload, [1, signature]]        message = "tenuo-warrant-v1" || 01 || payload

What the browser checks by itself is checked by itself here too, so that each fault has its field's name;
Tenuo then verifies the whole once more, and what it alone refuses is a fault of "warrant_chain".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tenuo_core

from audit.statements import cbor
from audit.statements.acting import Acting, acting_of
from audit.statements.delegation import approvers, parties, weakening
from audit.statements.statements import MalformedStatement, verify_signature
from audit.statements.terms import Terms, terms_of

GATES = "tenuo.approval_gates"
MAXIMUM_CHAIN = 65
CLOCK_TOLERANCE_SECONDS = 60
_CONTEXT = b"tenuo-warrant-v1\x01"
_TOOLS, _ISSUER, _ISSUED_AT, _EXPIRES_AT, _PARENT_HASH, _EXTENSIONS, _DEPTH = 3, 5, 6, 7, 9, 10, 18


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that makes signing impossible: the field that differs, and a sentence."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class WarrantChain:
    """Warrants that could be read, root first. Times are UTC seconds since 1970; keys are 32 raw bytes.

    ``terms`` are the root's, and so is for whom the agent works.
    """

    warrants: list[tenuo_core.Warrant]
    payloads: list[dict[int, Any]]
    terms: Terms
    acting: Acting | None = None

    @property
    def leaf(self) -> tenuo_core.Warrant:
        return self.warrants[-1]

    @property
    def expires_at(self) -> int:
        return int(self.payloads[-1][_EXPIRES_AT])

    @property
    def issued_at(self) -> int:
        return int(self.payloads[-1][_ISSUED_AT])

    @property
    def root(self) -> bytes:
        return bytes(self.warrants[0].issuer.to_bytes())

    @property
    def approvers(self) -> frozenset[bytes]:
        return approvers(self.leaf)

    @property
    def parties(self) -> frozenset[bytes]:
        return parties(self.warrants)

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the leaf allows: {tool: {"constraints": {argument: [type, rule]}}}."""
        found = self.payloads[-1].get(_TOOLS)
        return found if isinstance(found, dict) else {}

    @property
    def gates(self) -> dict[str, Any]:
        """What stops a call: {tool: {"args": rules or None, "message"?}}; empty if it cannot be read."""
        extensions = self.payloads[-1].get(_EXTENSIONS)
        encoded = extensions.get(GATES) if isinstance(extensions, dict) else None
        try:
            gates = cbor.decode_loosely(bytes(encoded)) if encoded is not None else {}
        except (cbor.MalformedBytes, TypeError, ValueError):
            return {}
        return gates if isinstance(gates, dict) else {}


def read_chain(
    encoded: list[bytes], *, pinned_roots: list[bytes], now: int
) -> tuple[WarrantChain | None, list[Problem]]:
    """Return the chain, or None if it cannot be read, and everything that is wrong with it."""
    if not 1 <= len(encoded) <= MAXIMUM_CHAIN:
        return None, [Problem("warrant_chain", f"The chain does not have 1 to {MAXIMUM_CHAIN} warrants.")]
    warrants, payloads, problems = [], [], []
    for number, data in enumerate(encoded, 1):
        name = "The warrant" if len(encoded) == 1 else f"Warrant {number} of the chain"
        try:
            payload = _signed_payload(data, name)
            warrants.append(_warrant(data, name))
        except _Unreadable as unreadable:
            return None, [unreadable.problem]
        payloads.append(payload)
        problems += _times(payload, name, now)
    problems += _root(payloads[0], pinned_roots)
    try:
        chain = WarrantChain(warrants, payloads, terms_of(warrants), acting_of(warrants))
    except MalformedStatement as error:
        field = "acting" if error.field == "acting" else "terms"
        return None, [*problems, Problem(f"warrant.{field}", str(error))]
    return chain, problems or _as_a_whole(chain, pinned_roots, now)


class _Unreadable(Exception):
    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(field, sentence)


def _signed_payload(data: bytes, name: str) -> dict[int, Any]:
    try:
        version, payload, (algorithm, signature) = cbor.decode_loosely(data)
        facts = cbor.decode_loosely(payload)
        issuer_algorithm, issuer = facts[_ISSUER]
        for moment in (_ISSUED_AT, _EXPIRES_AT):
            int(facts[moment])
    except (cbor.MalformedBytes, TypeError, ValueError, KeyError, OverflowError) as error:
        raise _Unreadable("warrant_chain", f"{name} cannot be read.") from error
    if (version, algorithm, issuer_algorithm) != (1, 1, 1) or not isinstance(signature, bytes):
        raise _Unreadable("warrant_chain", f"{name} is not of a form that is known here.")
    try:
        verify_signature(issuer, signature, _CONTEXT + payload)
    except (MalformedStatement, TypeError) as error:
        raise _Unreadable("warrant.signature", f"{name} is not signed by the issuer it names.") from error
    return dict(facts)


def _warrant(data: bytes, name: str) -> tenuo_core.Warrant:
    try:
        warrant = tenuo_core.Warrant.from_bytes(data)
    except Exception as error:  # Tenuo raises many types; each of them means that this is no warrant.
        raise _Unreadable("warrant_chain", f"{name} cannot be read. {error}") from error
    if bytes(warrant.to_bytes()) != data:
        raise _Unreadable("warrant_chain", f"{name} is not in canonical form.")
    return warrant


def _times(payload: dict[int, Any], name: str, now: int) -> list[Problem]:
    problems = []
    if now >= payload[_EXPIRES_AT]:
        problems.append(Problem("warrant.expires_at", f"{name} has expired."))
    if payload[_ISSUED_AT] > now + CLOCK_TOLERANCE_SECONDS:
        sentence = f"{name} begins in the future: check this computer's clock."
        problems.append(Problem("warrant.issued_at", sentence))
    return problems


def _root(first: dict[int, Any], pinned_roots: list[bytes]) -> list[Problem]:
    problems = []
    if first[_ISSUER][1] not in pinned_roots:
        sentence = "The chain does not begin at a root that was pinned here when the key was made."
        problems.append(Problem("warrant.issuer", sentence))
    if first.get(_DEPTH) != 0 or _PARENT_HASH in first:
        problems.append(Problem("warrant.depth", "The first warrant of the chain is not a root warrant."))
    return problems


def _as_a_whole(chain: WarrantChain, pinned_roots: list[bytes], now: int) -> list[Problem]:
    try:
        roots = [tenuo_core.PublicKey.from_bytes(root) for root in pinned_roots]
        tenuo_core.Authorizer(trusted_roots=roots).verify_chain(chain.warrants, as_of=now)
    except Exception as error:  # As above: each of them means that the chain does not hold.
        return [Problem("warrant_chain", f"The chain does not hold. {error}")]
    weakened = weakening(chain.warrants)
    return [Problem("warrant.required_approvers", weakened)] if weakened else []
