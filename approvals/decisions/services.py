"""A person decides. The server checks and keeps what the person signed; it signs nothing for them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.endorsements.queries import endorsed_keys, endorsement_of
from accounts.keys.queries import active_keys
from accounts.models import ApproverKey, Person, StepUp
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from approvals.contracts import DecisionKind, RequestState
from approvals.decisions import checks
from approvals.decisions.signed import SignedDecision, read
from approvals.decisions.slow import require_slow_thinking
from approvals.decisions.step_up import use_step_up
from approvals.delivery.services import enqueue
from approvals.errors import NotAnApprover, NotEndorsedYet, Replayed, UnknownRequest, UnusableKey
from approvals.models import ApprovalRequest, Decision
from approvals.notify import services as notify
from approvals.requests import transitions
from approvals.requests.chain import parse
from approvals.texts import storable
from audit.ledger.services import append
from audit.statements import cbor
from audit.statements.key_endorsements import NotEndorsed
from audit.statements.kinds import EntryKind
from audit.statements.quorum import Quorum

MAXIMUM_REASON = 2_000
_REPLAYED = "This signature was used before. Reload the page and sign again."


def record(
    *,
    person: Person,
    request_id: str,
    approval: bytes | None = None,
    denial: bytes | None = None,
    session_key: str = "",
    confirmation: str = "",
) -> Decision:
    """Record what ``person`` signed about a request: exactly one of the two, as bytes.

    ``session_key`` is the web session it comes from, or empty: a step-up counts only in its own session.
    ``confirmation`` is what the person typed to confirm an approval.

    1. The bytes are canonical and their signature verifies.
    2. The person may see the request; the key is an active key of theirs, who approves in its namespace, and a people
       root stands behind it.
    3. Nobody has ended the request, and this person has not decided it.
    4. The request still waits.
    5. The leaf warrant asks for the key, which is no agent's and no issuer's; nor did this person raise the alert, nor
       does the agent act for them.
    6. What was signed is this call, request and run, by this person; what it proposes are other arguments for it.
    7. It was signed just now and lives no longer than it may.
    8. Its nonce was never seen.
    9. Where the policy asks for it, the person has just shown that it is them, for this request: to approve.
    10. Likewise, they had time to read, have typed what they approve, and did not approve too much of late.

    Enough approvals, or enough denials (``audit.statements.quorum``), end the waiting and go to the outbox; earlier
    ones stay until then. The same bytes again return the same decision. Raises the ``ApprovalError`` of the first
    check that fails; then nothing was written.
    """
    signed = read(approval=approval, denial=denial)  # 1
    try:
        with transaction.atomic():
            return _record(person, transitions.lock(request_id), signed, session_key, confirmation)
    except IntegrityError as error:
        # Only the nonce can collide without the request's lock: the same signature sent to two requests at once.
        raise Replayed(_REPLAYED, field="nonce") from error


def _record(
    person: Person, approval_request: ApprovalRequest, signed: SignedDecision, session_key: str, confirmation: str
) -> Decision:
    now = timezone.now()
    own_key(person, approval_request.namespace, signed.approver_key)  # 2
    endorsements = endorsements_of(person, signed.approver_key)
    found = _related(approval_request, signed)
    for decision in found:
        is_same = decision.approval_request_id == approval_request.pk and bytes(decision.signed) == signed.data
        if is_same and not decision.lapsed:
            decision.approval_request = approval_request
            return decision
    standing = [row for row in found if row.approval_request_id == approval_request.pk and not row.lapsed]
    if standing and approval_request.state == RequestState.OPEN:
        standing = _let_lapse(approval_request, standing, now, by=person.external_id)
    checks.require_undecided(person, approval_request, standing)  # 3
    checks.require_open(approval_request, now)  # 4
    chain = parse(approval_request.warrant_chain)
    checks.require_asked_for(signed, person, chain)  # 5
    checks.require_bound(signed, person, approval_request, chain)  # 6
    checks.require_other_arguments(signed, approval_request)
    checks.require_short_lived(signed, approval_request, chain, now)  # 7
    if any((bytes(row.public_key), bytes(row.nonce)) == (signed.approver_key, signed.nonce) for row in found):  # 8
        raise Replayed(_REPLAYED, field="nonce")
    step_up = use_step_up(person, approval_request, signed.kind, session_key)  # 9
    require_slow_thinking(person, approval_request, signed.kind, confirmation, now)  # 10
    settled = _settled(chain.quorum, standing, signed)
    decision = _write(person, approval_request, signed, endorsements, step_up, settled, now)
    if settled is not None:
        transitions.move(approval_request, settled, at=now)
        enqueue(approval_request=approval_request, decisions=[*standing, decision], at=now)
    else:
        notify.progressed(approval_request=approval_request, by=person.external_id)
    return decision


def lapse_overdue(*, limit: int) -> int:
    """Let approvals lapse whose time ran out while others had not signed; return of how many requests, of ``limit``.

    Their people can sign again at once; this lets them know.
    """
    now = timezone.now()
    over = Decision.objects.filter(
        lapsed=False,
        expires_at__lte=now,
        approval_request__state=RequestState.OPEN,
        approval_request__expires_at__gt=now,
    )
    found = over.order_by("approval_request").values_list("approval_request", flat=True).distinct()[:limit]
    return sum(_lapse_overdue(request_id, now) for request_id in list(found))


@transaction.atomic
def _lapse_overdue(request_id: str, now: datetime) -> bool:
    approval_request = transitions.lock(request_id)
    standing = list(Decision.objects.filter(approval_request=approval_request, lapsed=False).order_by("pk"))
    if approval_request.state != RequestState.OPEN:
        return False  # decided while this one waited for its lock
    return len(_let_lapse(approval_request, standing, now)) < len(standing)


def own_key(person: Person, namespace: str, approver_key: bytes) -> ApproverKey:
    """Return the active key of ``person``, who approves in ``namespace``. Raises an ``ApprovalError`` if it is none."""
    key = active_keys(namespace=namespace).filter(public_key=approver_key).first()
    if key is not None and key.person_id == person.pk:
        return key
    require_approver(person, namespace)
    raise UnusableKey(
        "This is not an active key of yours. Open your keys page and enrol this browser's key.", field="approver_key"
    )


def require_approver(person: Person, namespace: str) -> None:
    """Raise ``NotAnApprover`` unless ``person`` approves in ``namespace``; ``UnknownRequest`` if they see nothing."""
    if has_role(person, Role.APPROVER, namespace=namespace):
        return
    raise NotAnApprover if has_role(person, Role.VIEWER, namespace=namespace) else UnknownRequest


def endorsements_of(person: Person, approver_key: bytes) -> list[bytes]:
    """Return the statements by which workers and auditors know that the key is this person's.

    Raises ``NotEndorsedYet``.
    """
    try:
        endorsed = endorsement_of(approver_key)
    except NotEndorsed as error:
        raise NotEndorsedYet from error
    if endorsed.person != person.external_id:
        raise NotEndorsedYet
    return list(endorsed.statements)


def _related(approval_request: ApprovalRequest, signed: SignedDecision) -> list[Decision]:
    """Return this request's decisions, and any decision with the same key and nonce, oldest first."""
    same_nonce = Q(public_key=signed.approver_key, nonce=signed.nonce)
    related = Decision.objects.filter(Q(approval_request=approval_request, lapsed=False) | same_nonce)
    return list(related.select_related("approval_request").order_by("pk"))


def _let_lapse(
    approval_request: ApprovalRequest, decisions: list[Decision], now: datetime, *, by: str = ""
) -> list[Decision]:
    """Return the decisions that still count; the others lapse, so that their people may sign again.

    Whoever was asked is told, but not who is just deciding, ``by``.
    """
    signers = endorsed_keys(namespace=approval_request.namespace).filter(
        public_key__in=[row.public_key for row in decisions]
    )
    keys = {bytes(key.public_key) for key in signers}
    lapsed = [
        row
        for row in decisions
        if row.expires_at is not None and (row.expires_at <= now or bytes(row.public_key) not in keys)
    ]
    if lapsed:
        Decision.objects.filter(pk__in=[row.pk for row in lapsed]).update(lapsed=True)
        notify.waits_again(approval_request=approval_request, by=by)
    return [row for row in decisions if row not in lapsed]


def _write(
    person: Person,
    approval_request: ApprovalRequest,
    signed: SignedDecision,
    endorsements: list[bytes],
    step_up: StepUp | None,
    settled: RequestState | None,
    now: datetime,
) -> Decision:
    is_approval = signed.kind is DecisionKind.APPROVE
    append(
        chain=approval_request.chain,
        kind=EntryKind.APPROVAL_GRANTED if is_approval else EntryKind.APPROVAL_DENIED,
        details={
            "request_id": approval_request.pk,
            "approval" if is_approval else "denial": signed.data,
            "person": person.external_id,
            "key": signed.approver_key,
            "key_endorsements": endorsements,
            **({} if is_approval else {"ends_request": settled is RequestState.DENIED}),
            **({"step_up": {"method": step_up.method, "at": int(step_up.at.timestamp())}} if step_up else {}),
        },
    )
    return Decision.objects.create(
        approval_request=approval_request,
        kind=signed.kind,
        person=person,
        external_id=person.external_id,
        display_name=person.display_name,
        public_key=signed.approver_key,
        nonce=signed.nonce,
        signed=signed.data,
        endorsements=cbor.encode(endorsements),
        reason=storable(signed.reason, MAXIMUM_REASON),
        decided_at=now,
        step_up_method=step_up.method if step_up else "",
        stepped_up_at=step_up.at if step_up else None,
        expires_at=None if signed.expires_at is None else datetime.fromtimestamp(signed.expires_at, UTC),
    )


def _settled(quorum: Quorum, standing: list[Decision], signed: SignedDecision) -> RequestState | None:
    """Return what the request becomes with one more decision, just as its workflow will see it; None: it waits on."""
    keys = [signed.approver_key, *(bytes(row.public_key) for row in standing if row.kind == signed.kind)]
    if signed.kind is DecisionKind.DENY:
        return RequestState.DENIED if quorum.is_impossible(keys) else None
    return RequestState.APPROVED if len(keys) >= quorum.threshold else None
