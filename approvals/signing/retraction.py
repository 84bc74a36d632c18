"""Retractions: an approver takes back their own approval while its request still waits.

    context   = "countersign-retraction-v1"                 (see ``audit.statements``)
    statement = canonical CBOR {"external_id", "namespace", "nonce": the approval's, "request_hash", "request_id",
                "retracted_at", "run_id", "version": 1, "workflow_id"}

The browser's twin is ``static/js/lib/retraction.js``.
"""

from __future__ import annotations

from dataclasses import dataclass

from approvals.signing.binding import Binding
from audit.statements.statements import (
    Context,
    Envelope,
    MalformedStatement,
    require_bytes,
    require_text,
    require_uint,
)
from audit.statements.statements import parse as parse_envelope


@dataclass(frozen=True, slots=True)
class Retraction:
    """What an approver signs to take back the approval with ``nonce``. ``retracted_at`` is UTC seconds since 1970."""

    request_hash: bytes
    nonce: bytes
    external_id: str
    retracted_at: int
    binding: Binding
    envelope: Envelope

    @property
    def approver_key(self) -> bytes:
        return self.envelope.signer_key

    def verify(self) -> None:
        """Raise ``MalformedStatement`` unless ``approver_key`` signed this retraction."""
        self.envelope.verify(Context.RETRACTION)


def facts(
    *, request_hash: bytes, nonce: bytes, external_id: str, retracted_at: int, binding: Binding
) -> dict[str, object]:
    """Return the facts of a retraction, ready for ``audit.statements.statements.sign``."""
    return {
        **binding.to_facts(),
        "request_hash": request_hash,
        "nonce": nonce,
        "external_id": external_id,
        "retracted_at": retracted_at,
    }


def parse(data: bytes) -> Retraction:
    """Return the retraction in ``data``; checks its form, not its signature. Raises ``MalformedStatement``."""
    envelope = parse_envelope(data)
    if set(envelope.facts) != {
        "version", "request_hash", "nonce", "external_id", "retracted_at", *Binding.__dataclass_fields__,
    }:  # fmt: skip
        raise MalformedStatement("statement", "The retraction does not have the fields it must have.")
    return Retraction(
        request_hash=require_bytes("request_hash", envelope.facts["request_hash"], 32),
        nonce=require_bytes("nonce", envelope.facts["nonce"], 16),
        external_id=require_text("external_id", envelope.facts["external_id"], 320),
        retracted_at=require_uint("retracted_at", envelope.facts["retracted_at"]),
        binding=Binding.from_facts(envelope.facts),
        envelope=envelope,
    )
