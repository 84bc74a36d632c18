"""Reading what people signed: Tenuo's approval with Countersign's binding, and Countersign's denial.

    SignedApproval = CBOR map {"approval_version": 1, "payload", "approver_key": [1, 32 bytes], "signature": [1, 64]}
    payload        = CBOR map {"version": 1, "request_hash", "nonce", "external_id", "approved_at", "expires_at",
                     "extensions": {"countersign.v1": canonical CBOR as an array of ints}}; byte strings are arrays
    signed message = "tenuo-warrant-v1" "tenuo-approval-v1" 01 payload

Written apart from the code that records decisions, so that the two can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from audit.statements import cbor
from audit.statements.statements import Context, MalformedStatement, verify_signature
from audit.statements.statements import parse as parse_statement
from audit.verify.fields import Fields
from audit.verify.steps import Refused, Step, require

_CONTEXT = b"tenuo-warrant-v1" + b"tenuo-approval-v1" + b"\x01"
_EXTENSION = "countersign.v1"


@dataclass(frozen=True, slots=True)
class Address:
    """The one request of one run that a signature is for."""

    request_id: str
    namespace: str
    workflow_id: str
    run_id: str

    @classmethod
    def of(cls, fields: Fields) -> Address:
        names = ("request_id", "namespace", "workflow_id", "run_id")
        return cls(*(fields.text(name) for name in names))


@dataclass(frozen=True, slots=True)
class Signed:
    """What a person signed. Times are UTC seconds; ``expires_at`` only of an approval.

    The ``nonce`` of a retraction is that of the approval which it takes back.
    """

    data: bytes
    key: bytes
    person: str
    request_hash: bytes
    nonce: bytes
    address: Address
    signed_at: int
    expires_at: int | None
    reason: str
    display_digest: bytes
    policy_version: str


def read_approval(data: bytes, step: Step) -> Signed:
    """Return the approval in ``data``, its signature verified. Raises ``Refused``."""
    try:
        return _approval(data)
    except Refused as refusal:
        raise Refused(step, str(refusal)) from refusal


# Of every decision and every call, several steps look at the same approvals, one after the other.
@lru_cache(maxsize=64)
def _approval(data: bytes) -> Signed:
    step = Step.DECISION
    envelope = Fields(_map(data, step), step)
    payload = envelope.data("payload")
    key = _tagged(envelope, "approver_key", 32)
    try:
        verify_signature(key, _tagged(envelope, "signature", 64), _CONTEXT + payload)
    except MalformedStatement as error:
        raise Refused(step, "The approval's signature does not belong to it.") from error
    facts = Fields(_map(payload, step), step)
    extensions = facts.mapping("extensions")
    require(set(extensions) == {_EXTENSION}, step, "The approval is not bound to a request.")
    bound = Fields(_map(_small_ints(extensions[_EXTENSION], step), step), step)
    require(bound.text("decision") == "approve", step, "What was signed does not say that it approves.")
    return Signed(
        data=data,
        key=key,
        person=facts.text("external_id"),
        request_hash=_small_ints(facts.values.get("request_hash"), step),
        nonce=_small_ints(facts.values.get("nonce"), step),
        address=Address.of(bound),
        signed_at=facts.integer("approved_at"),
        expires_at=facts.integer("expires_at"),
        reason=bound.text("reason"),
        display_digest=bound.data("display_digest", 32),
        policy_version=bound.text("policy_version"),
    )


def read_denial(data: bytes, step: Step) -> Signed:
    """Return the denial in ``data``, its signature verified. Raises ``Refused``."""
    facts, key = _statement("denial", data, Context.DENIAL, step)
    reason = facts.text("reason")
    require(bool(reason.strip()), step, "The denial has no reason.")
    return _signed(data, key, facts, signed_at=facts.integer("denied_at"), reason=reason)


def read_retraction(data: bytes, step: Step) -> Signed:
    """Return the retraction in ``data``, its signature verified. Raises ``Refused``."""
    facts, key = _statement("retraction", data, Context.RETRACTION, step)
    return _signed(data, key, facts, signed_at=facts.integer("retracted_at"), reason="")


def _statement(name: str, data: bytes, context: Context, step: Step) -> tuple[Fields, bytes]:
    """Return what a person's statement says, and the key that signed it."""
    try:
        envelope = parse_statement(data)
        envelope.verify(context)
    except MalformedStatement as error:
        raise Refused(step, f"The {name} does not verify. {error}") from error
    return Fields(envelope.facts, step), envelope.signer_key


def _signed(data: bytes, key: bytes, facts: Fields, *, signed_at: int, reason: str) -> Signed:
    return Signed(
        data=data,
        key=key,
        person=facts.text("external_id"),
        request_hash=facts.data("request_hash", 32),
        nonce=facts.data("nonce", 16),
        address=Address.of(facts),
        signed_at=signed_at,
        expires_at=None,
        reason=reason,
        display_digest=facts.data("display_digest", 32),
        policy_version=facts.text("policy_version"),
    )


def _map(data: bytes, step: Step) -> dict[str, Any]:
    try:
        value = cbor.decode_loosely(data)
    except cbor.MalformedBytes as error:
        raise Refused(step, f"What was signed cannot be read. {error}") from error
    require(isinstance(value, dict), step, "What was signed is not a map.")
    return dict(value)


def _tagged(fields: Fields, name: str, length: int) -> bytes:
    value = fields.values.get(name)
    fits = isinstance(value, list) and len(value) == 2 and value[0] == 1
    require(fits, fields.step, f"The field {name!r} is not an Ed25519 value.")
    return Fields({name: value[1] if isinstance(value, list) else None}, fields.step).data(name, length)


def _small_ints(value: Any, step: Step) -> bytes:
    try:
        if isinstance(value, list) and set(map(type, value)) <= {int}:
            return bytes(value)
    except ValueError:
        pass
    raise Refused(step, "A value that must be an array of bytes is not.")
