"""Denials: signed under Countersign's own context, so that no denial is ever an approval to Tenuo.

    context   = "countersign-denial-v1"                     (see ``audit.statements``)
    statement = canonical CBOR {"denied_at", "display_digest", "external_id", "namespace", "nonce", "policy_version",
                "reason", "request_hash", "request_id", "run_id", "version": 1, "workflow_id"}, and
                "proposed_arguments" if the person would agree to others (``approvals.signing.proposal``)

The browser's twin is ``static/js/lib/denial.js``.
"""

from __future__ import annotations

from dataclasses import dataclass

from approvals.signing import proposal
from approvals.signing.binding import MAXIMUM_REASON, Binding
from audit.statements.statements import (
    Context,
    Envelope,
    MalformedStatement,
    is_blank,
    require_bytes,
    require_text,
    require_uint,
)
from audit.statements.statements import parse as parse_envelope

_FIELDS = {
    "version", "request_hash", "nonce", "external_id", "denied_at", "reason",
    "request_id", "namespace", "workflow_id", "run_id", "display_digest", "policy_version",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Denial:
    """What an approver signs to refuse. ``denied_at`` is UTC seconds since 1970."""

    request_hash: bytes
    nonce: bytes
    external_id: str
    denied_at: int
    reason: str
    binding: Binding
    proposed_arguments: bytes | None
    envelope: Envelope

    @property
    def approver_key(self) -> bytes:
        return self.envelope.signer_key

    def verify(self) -> None:
        """Raise ``MalformedStatement`` unless ``approver_key`` signed this denial."""
        self.envelope.verify(Context.DENIAL)


def facts(
    *,
    request_hash: bytes,
    nonce: bytes,
    external_id: str,
    denied_at: int,
    reason: str,
    binding: Binding,
    proposed_arguments: bytes | None = None,
) -> dict[str, object]:
    """Return the facts of a denial, ready for ``audit.statements.statements.sign``."""
    return {
        **binding.to_facts(),
        "request_hash": request_hash,
        "nonce": nonce,
        "external_id": external_id,
        "denied_at": denied_at,
        "reason": reason,
        **({} if proposed_arguments is None else {proposal.FIELD: proposed_arguments}),
    }


def parse(data: bytes) -> Denial:
    """Return the denial in ``data``; checks its form, not its signature. Raises ``MalformedStatement``."""
    envelope = parse_envelope(data)
    if set(envelope.facts) - {proposal.FIELD} != _FIELDS:
        raise MalformedStatement("statement", "The denial does not have the fields it must have.")
    reason = require_text("reason", envelope.facts["reason"], MAXIMUM_REASON)
    if is_blank(reason):
        raise MalformedStatement("reason", "A denial needs a reason.")
    proposed_arguments = envelope.facts.get(proposal.FIELD)
    if proposal.FIELD in envelope.facts:
        proposal.read(proposed_arguments)
    return Denial(
        request_hash=require_bytes("request_hash", envelope.facts["request_hash"], 32),
        nonce=require_bytes("nonce", envelope.facts["nonce"], 16),
        external_id=require_text("external_id", envelope.facts["external_id"], 320),
        denied_at=require_uint("denied_at", envelope.facts["denied_at"]),
        reason=reason,
        binding=Binding.from_facts(envelope.facts),
        proposed_arguments=proposed_arguments,
        envelope=envelope,
    )
