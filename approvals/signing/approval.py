"""Tenuo's signed approvals, with Countersign's binding in their signed extension.

    message(approval) = "tenuo-warrant-v1" || "tenuo-approval-v1" || 01 || payload
    payload    = CBOR map in this order: version, request_hash (array of 32 ints), nonce (array of
                 16 ints), external_id, approved_at, expires_at (seconds), extensions
    extensions = {"countersign.v1": array of ints, the canonical CBOR of
                 {"decision": "approve", "display_digest", "namespace", "policy_version", "reason", "request_id",
                 "run_id", "workflow_id"}}

Tenuo verifies the signature and the request hash and ignores the extension; the worker's gate
(``workers.gates``) checks the extension, the lifetime and single use.
The browser's twin is ``static/js/lib/approval.js``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cbor2

from approvals.signing.binding import MAXIMUM_REASON, Binding
from audit.statements import cbor
from audit.statements.statements import (
    MalformedStatement,
    require_bytes,
    require_text,
    require_uint,
    verify_signature,
)

EXTENSION = "countersign.v1"
DECISION = "approve"
CLOCK_TOLERANCE_SECONDS = 30
_CONTEXT = b"tenuo-warrant-v1" + b"tenuo-approval-v1" + b"\x01"
_PAYLOAD_FIELDS = ["version", "request_hash", "nonce", "external_id", "approved_at", "expires_at", "extensions"]


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """What an approver signs. Times are UTC seconds since 1970."""

    request_hash: bytes
    nonce: bytes
    external_id: str
    approved_at: int
    expires_at: int
    binding: Binding
    reason: str


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """A signed approval as it travels: to the application, in the signal, in a Tenuo header, in a receipt."""

    payload: bytes
    approver_key: bytes
    signature: bytes
    terms: ApprovalTerms

    def to_bytes(self) -> bytes:
        return assemble(self.payload, self.approver_key, self.signature)

    def verify(self) -> None:
        """Raise ``MalformedStatement`` unless ``approver_key`` signed this payload."""
        verify_signature(self.approver_key, self.signature, signed_message(self.payload))


def encode_payload(terms: ApprovalTerms) -> bytes:
    """Return the payload bytes of ``terms``, in Tenuo's key order."""
    extension = cbor.encode({**terms.binding.to_facts(), "decision": DECISION, "reason": terms.reason})
    return cbor2.dumps(
        {
            "version": 1,
            "request_hash": list(terms.request_hash),
            "nonce": list(terms.nonce),
            "external_id": terms.external_id,
            "approved_at": terms.approved_at,
            "expires_at": terms.expires_at,
            "extensions": {EXTENSION: list(extension)},
        }
    )


def signed_message(payload: bytes) -> bytes:
    """Return the bytes an approver signs for ``payload``."""
    return _CONTEXT + payload


def assemble(payload: bytes, approver_key: bytes, signature: bytes) -> bytes:
    """Return Tenuo's ``SignedApproval`` bytes."""
    return cbor2.dumps(
        {"approval_version": 1, "payload": payload, "approver_key": [1, approver_key], "signature": [1, signature]}
    )


def parse(data: bytes) -> SignedApproval:
    """Return the approval in ``data``.

    Checks its form only: exactly the fields above, re-encoding to the same bytes. Call
    ``verify`` for the signature. Raises ``MalformedStatement`` naming the field.
    """
    envelope = _map("approval", data, ["approval_version", "payload", "approver_key", "signature"])
    if envelope["approval_version"] != 1 or not isinstance(envelope["payload"], bytes):
        raise MalformedStatement("approval_version", "The approval is of a version that is not known here.")
    approval = SignedApproval(
        payload=envelope["payload"],
        approver_key=_tagged("approver_key", envelope["approver_key"], 32),
        signature=_tagged("signature", envelope["signature"], 64),
        terms=_terms(envelope["payload"]),
    )
    if approval.to_bytes() != data or encode_payload(approval.terms) != approval.payload:
        raise MalformedStatement("approval", "The approval is not in canonical form.")
    return approval


def _terms(payload: bytes) -> ApprovalTerms:
    facts = _map("payload", payload, _PAYLOAD_FIELDS)
    if facts["version"] != 1:
        raise MalformedStatement("version", "The approval payload is of a version that is not known here.")
    extensions = facts["extensions"]
    if not isinstance(extensions, dict) or set(extensions) != {EXTENSION}:
        raise MalformedStatement("extensions", "The approval is not bound to a request by Countersign's extension.")
    try:
        extension = cbor.decode(_small_ints("extensions", extensions[EXTENSION]))
    except cbor.MalformedBytes as error:
        raise MalformedStatement("extensions", f"The approval's extension cannot be read. {error}") from error
    if not isinstance(extension, dict) or extension.get("decision") != DECISION:
        raise MalformedStatement("decision", "The approval's extension does not say that it approves.")
    return ApprovalTerms(
        request_hash=require_bytes("request_hash", _small_ints("request_hash", facts["request_hash"]), 32),
        nonce=require_bytes("nonce", _small_ints("nonce", facts["nonce"]), 16),
        external_id=require_text("external_id", facts["external_id"], 320),
        approved_at=require_uint("approved_at", facts["approved_at"]),
        expires_at=require_uint("expires_at", facts["expires_at"]),
        binding=Binding.from_facts(extension),
        reason=require_text("reason", extension.get("reason"), MAXIMUM_REASON),
    )


def _map(field: str, data: bytes, keys: list[str]) -> dict[str, Any]:
    try:
        value = cbor.decode_loosely(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement(field, f"The {field} cannot be read. {error}") from error
    if not isinstance(value, dict) or list(value) != keys:
        raise MalformedStatement(field, f"The {field} does not have the fields it must have, in their order.")
    return value


def _tagged(field: str, value: Any, length: int) -> bytes:
    if not isinstance(value, list) or len(value) != 2 or value[0] != 1:
        raise MalformedStatement(field, f"{field} is not an Ed25519 value.")
    return require_bytes(field, value[1], length)


def _small_ints(field: str, value: Any) -> bytes:
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item < 256 for item in value):
        raise MalformedStatement(field, f"{field} is not an array of bytes.")
    return bytes(value)
