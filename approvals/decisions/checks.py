"""Whether a signed decision may count for a request. The numbers are those of ``services.record``."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from accounts.models import Person
from approvals.contracts import DecisionKind, RequestState
from approvals.decisions.signed import SignedDecision
from approvals.errors import (
    AlreadyDecided,
    BadLifetime,
    BadProposal,
    BarredPerson,
    HashMismatch,
    RequestClosed,
    RequestExpired,
    UnusableKey,
    WrongBinding,
)
from approvals.models import ApprovalRequest, Decision
from approvals.requests.chain import WarrantChain
from approvals.requests.shown import binding_of
from approvals.signing import proposal
from approvals.signing.approval import CLOCK_TOLERANCE_SECONDS
from approvals.signing.retraction import Retraction
from audit.statements.statements import MalformedStatement

_PAST = {DecisionKind.APPROVE: "approved", DecisionKind.DENY: "denied"}
_UNUSED = "Your signature was not used."


def require_undecided(person: Person, approval_request: ApprovalRequest, decisions: list[Decision]) -> None:
    """3. Nobody has ended the request, it is not over, and this person has not decided it before."""
    for decision in decisions:
        if decision.external_id == person.external_id:
            raise AlreadyDecided(f"You {_said(decision)}. A person decides a request once. {_UNUSED}")
    if approval_request.state != RequestState.OPEN and decisions:
        last = decisions[-1]
        raise AlreadyDecided(f"{last.display_name} {_said(last)}. {_UNUSED}")
    if approval_request.state == RequestState.WITHDRAWN:
        raise RequestClosed(f"The workflow no longer waits for this call. {_UNUSED}")


def require_open(approval_request: ApprovalRequest, now: datetime) -> None:
    """4. The request still waits."""
    if approval_request.state == RequestState.EXPIRED or approval_request.expires_at <= now:
        over = f"{approval_request.expires_at:%H:%M:%S} UTC"
        raise RequestExpired(f"The time to decide was over at {over}. {_UNUSED} The agent may ask again.")
    if approval_request.state != RequestState.OPEN:
        raise RequestClosed(f"This request is {approval_request.state} already. {_UNUSED}")


def require_asked_for(signed: SignedDecision | Retraction, person: Person, chain: WarrantChain) -> None:
    """5. The leaf warrant asks for this key, which is no agent's and no issuer's, and its root bars not this person."""
    if chain.terms.bars(person.external_id):
        raise BarredPerson
    if signed.approver_key in chain.barred_keys:
        raise UnusableKey("This key belongs to an agent or an issuer: it cannot approve.", field="approver_key")
    if signed.approver_key not in chain.required_approvers:
        raise UnusableKey(
            "The warrant does not name your key as an approver. Ask one of the people it names.", field="approver_key"
        )


def require_bound(
    signed: SignedDecision | Retraction, person: Person, approval_request: ApprovalRequest, chain: WarrantChain
) -> None:
    """6. What was signed is this call of this run, what was shown of it, and its policy, by this person."""
    if signed.request_hash != bytes(approval_request.request_hash):
        raise HashMismatch("The signature is for another call. Reload the page and sign again.", field="request_hash")
    field = binding_of(approval_request, chain).difference(signed.binding)
    if field:
        raise WrongBinding(f"The signature is bound to another {field}. Reload the page and sign again.", field=field)
    if signed.external_id != person.external_id:
        raise WrongBinding("The signature names another person. Sign in as yourself.", field="external_id")


def require_other_arguments(signed: SignedDecision, approval_request: ApprovalRequest) -> None:
    """6. What a denial proposes instead is for the same arguments, and not the same."""
    if signed.proposed_arguments is None:
        return
    try:
        proposal.require_other(signed.proposed_arguments, bytes(approval_request.arguments_cbor))
    except MalformedStatement as error:
        raise BadProposal(f"{error} Nothing was signed for them: propose others, or none.") from error


def require_short_lived(
    signed: SignedDecision, approval_request: ApprovalRequest, chain: WarrantChain, now: datetime
) -> None:
    """7. It was signed just now, and lives no longer than it may: here, and by the warrant's terms."""
    require_now(signed.signed_at, now, field="approved_at" if signed.kind is DecisionKind.APPROVE else "denied_at")
    if signed.expires_at is None:
        return
    lifetime = chain.terms.lifetime(settings.SIGNATURE_LIFETIME_SECONDS)
    latest = min(signed.signed_at + lifetime, int(approval_request.expires_at.timestamp()))
    if not now.timestamp() < signed.expires_at <= latest:
        raise BadLifetime(
            "The signature would be valid too long, or not at all. Reload the page and sign again.", field="expires_at"
        )


def require_now(signed_at: int, now: datetime, *, field: str) -> None:
    """Raise ``BadLifetime`` unless ``signed_at``, UTC seconds that the signature names in ``field``, is now."""
    if abs(signed_at - now.timestamp()) > CLOCK_TOLERANCE_SECONDS:
        raise BadLifetime(
            "The signature's time is not now. Check this device's clock, then reload the page and sign again.",
            field=field,
        )


def _said(decision: Decision) -> str:
    return f"{_PAST[DecisionKind(decision.kind)]} this request at {decision.decided_at:%H:%M:%S} UTC"
