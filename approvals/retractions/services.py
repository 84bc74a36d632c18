"""A person takes back their own approval, as long as nothing has come of it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.contracts import DecisionKind, RequestState
from approvals.decisions import checks
from approvals.decisions.services import endorsements_of, own_key
from approvals.errors import BadSignature, MalformedInput, NothingToRetract, TooLateToRetract
from approvals.models import ApprovalRequest, Decision, Retraction
from approvals.notify import services as notify
from approvals.requests import transitions
from approvals.requests.chain import parse
from approvals.signing import retraction as retractions
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from audit.statements.statements import MalformedStatement


def retract(*, person: Person, request_id: str, retraction: bytes) -> Retraction:
    """Take back the approval that ``retraction`` (an envelope's bytes) names, so that it never counts.

    1. The bytes are canonical and their signature verifies.
    2. The person may see the request; the key is an active, endorsed key of theirs, who approves in its namespace.
    3. The request still waits: with the last approval that it needs it is too late.
    4. The leaf warrant asks for the key, and what was signed is this call, request and run, by this person.
    5. It was signed just now.
    6. It names an approval of this person that still counts.

    The same bytes again return the same retraction. Raises the ``ApprovalError`` of the first check that fails; then
    nothing was written.
    """
    signed = _read(retraction)  # 1
    with transaction.atomic():
        approval_request = transitions.lock(request_id)
        own_key(person, approval_request.namespace, signed.approver_key)  # 2
        endorsements = endorsements_of(person, signed.approver_key)
        decision = _named(approval_request, person, signed.nonce)
        done = Retraction.objects.filter(decision=decision).first() if decision else None
        if done is not None and bytes(done.signed) == retraction:
            done.decision.approval_request = approval_request
            return done
        _require_waiting(approval_request)  # 3
        chain = parse(approval_request.warrant_chain)
        checks.require_asked_for(signed, person, chain)  # 4
        checks.require_bound(signed, person, approval_request, chain)
        checks.require_now(signed.retracted_at, timezone.now(), field="retracted_at")  # 5
        if decision is None or decision.lapsed:  # 6
            raise NothingToRetract
        return _write(person, approval_request, decision, signed, endorsements)


def _read(data: bytes) -> retractions.Retraction:
    try:
        signed = retractions.parse(data)
    except MalformedStatement as error:
        raise MalformedInput(f"{error} Reload the page and sign again.", field=error.field) from error
    try:
        signed.verify()
    except MalformedStatement as error:
        raise BadSignature(f"{error} Reload the page and sign again.", field=error.field) from error
    return signed


def _named(approval_request: ApprovalRequest, person: Person, nonce: bytes) -> Decision | None:
    return Decision.objects.filter(
        approval_request=approval_request, external_id=person.external_id, kind=DecisionKind.APPROVE, nonce=nonce
    ).first()


def _require_waiting(approval_request: ApprovalRequest) -> None:
    if approval_request.state in (RequestState.APPROVED, RequestState.EXECUTED, RequestState.FAILED):
        raise TooLateToRetract("Enough people have approved: the approvals are on their way and cannot be taken back.")
    if approval_request.state != RequestState.OPEN or approval_request.expires_at <= timezone.now():
        raise TooLateToRetract("This request is over: your approval counts for nothing any more.")


def _write(
    person: Person,
    approval_request: ApprovalRequest,
    decision: Decision,
    signed: retractions.Retraction,
    endorsements: list[bytes],
) -> Retraction:
    data = signed.envelope.to_bytes()
    append(
        chain=approval_request.chain,
        kind=EntryKind.APPROVAL_RETRACTED,
        details={
            "request_id": approval_request.pk,
            "retraction": data,
            "person": person.external_id,
            "key": signed.approver_key,
            "key_endorsements": endorsements,
        },
    )
    decision.lapsed = True
    decision.save(update_fields=["lapsed"])
    decision.approval_request = approval_request
    notify.waits_again(approval_request=approval_request, by=person.external_id)
    return Retraction.objects.create(
        decision=decision, public_key=signed.approver_key, signed=data, retracted_at=timezone.now()
    )
