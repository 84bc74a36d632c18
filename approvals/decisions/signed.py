"""What a person's browser signed, approval or denial, in one shape."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.contracts import DecisionKind
from approvals.errors import BadSignature, MalformedInput
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from approvals.signing.binding import Binding
from audit.statements.statements import MalformedStatement


@dataclass(frozen=True, slots=True)
class SignedDecision:
    """A decision whose signature verified. Times are UTC seconds; ``expires_at`` only of an approval.

    ``proposed_arguments`` may come with a denial (``approvals.signing.proposal``).
    """

    kind: DecisionKind
    data: bytes
    approver_key: bytes
    request_hash: bytes
    nonce: bytes
    external_id: str
    signed_at: int
    expires_at: int | None
    reason: str
    binding: Binding
    proposed_arguments: bytes | None = None


def read(*, approval: bytes | None, denial: bytes | None) -> SignedDecision:
    """Return the one decision that is given. Raises ``MalformedInput`` and ``BadSignature``, naming the field."""
    if (approval is None) == (denial is None):
        raise MalformedInput("Send either a signed approval or a signed denial.", field="approval")
    try:
        signed = _denial(denial) if denial is not None else _approval(approval or b"")
    except MalformedStatement as error:
        raise MalformedInput(f"{error} Reload the page and sign again.", field=error.field) from error
    return signed


def _approval(data: bytes) -> SignedDecision:
    approval = approvals.parse(data)
    _verify(approval)
    terms = approval.terms
    return SignedDecision(
        kind=DecisionKind.APPROVE,
        data=data,
        approver_key=approval.approver_key,
        request_hash=terms.request_hash,
        nonce=terms.nonce,
        external_id=terms.external_id,
        signed_at=terms.approved_at,
        expires_at=terms.expires_at,
        reason=terms.reason,
        binding=terms.binding,
    )


def _denial(data: bytes) -> SignedDecision:
    denial = denials.parse(data)
    _verify(denial)
    return SignedDecision(
        kind=DecisionKind.DENY,
        data=data,
        approver_key=denial.approver_key,
        request_hash=denial.request_hash,
        nonce=denial.nonce,
        external_id=denial.external_id,
        signed_at=denial.denied_at,
        expires_at=None,
        reason=denial.reason,
        binding=denial.binding,
        proposed_arguments=denial.proposed_arguments,
    )


def _verify(signed: approvals.SignedApproval | denials.Denial) -> None:
    try:
        signed.verify()
    except MalformedStatement as error:
        raise BadSignature(f"{error} Reload the page and sign again.", field=error.field) from error
