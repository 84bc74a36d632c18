"""Opening a request when a call reaches its gate, and recording how it ended. Activities call these."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.arguments import target
from approvals.contracts import GateRequest, Outcome, OutcomeStatus, RequestState, RunReport
from approvals.errors import HashMismatch, MalformedInput, RequestConflict, UnknownRequest
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest, ClosedRun, RequiredApprover
from approvals.models.request import UNFINISHED
from approvals.notify import services as notify
from approvals.requests import entries, intake, superseding, transitions, urgency
from approvals.texts import is_plain, storable
from audit.ledger.queries import is_incident
from warrants.issuers.queries import trusted_roots
from warrants.models import Warrant

MAXIMUM_RESULT = 64 * 1024
MAXIMUM_CONFIRMATION = 120
_STATES = {
    OutcomeStatus.EXECUTED: RequestState.EXECUTED,
    OutcomeStatus.FAILED: RequestState.FAILED,
    OutcomeStatus.EXPIRED: RequestState.EXPIRED,
    OutcomeStatus.WITHDRAWN: RequestState.WITHDRAWN,
    OutcomeStatus.DENIED: RequestState.DENIED,
}
# How long the workflow itself may take to say that time is over: what its gate waits for a late delivery, and a little.
OVERDUE = timedelta(seconds=60)
NOBODY_DECIDED = "Nobody decided in time, and no worker was there to say so."
# A person's denial is on file before any workflow hears of it: this one ends the request in nobody's name.
UNSIGNED_DENIAL = "The workflow reports a denial that nobody signed here."


def open(*, gate_request: GateRequest) -> ApprovalRequest:
    """Return the waiting request for a gated call; opening it again with the same content returns the same row.

    Raises an ``ApprovalError`` naming the field if anything claimed is not so, ``RequestConflict`` if the id
    is taken by other content.
    """
    digest = intake.check_form(gate_request)
    existing = _existing(gate_request.request_id, digest)
    if existing is not None:
        return existing
    now = timezone.now()
    checked = intake.check(
        gate_request,
        trusted_roots=trusted_roots(),
        now=now,
        lifetime_seconds=settings.REQUEST_LIFETIME_SECONDS,
    )
    try:
        with transaction.atomic():
            return _create(gate_request, checked, digest, now)
    except IntegrityError:
        # The same activity ran twice at once; anything else is a real fault.
        existing = _existing(gate_request.request_id, digest)
        if existing is None:
            raise
        return existing


def close(*, outcome: Outcome, namespace: str | None = None) -> None:
    """Record how the workflow saw a gated call end, once. Raises ``UnknownRequest`` or ``MalformedInput``.

    ``namespace`` is the reporting workflow's, if a workflow reports: it knows no requests of others.
    """
    status, at = _status(outcome.status), _time("at_ms", outcome.at_ms)
    for field in ("request_id", "error_type", "detail", "result_json"):
        if not isinstance(getattr(outcome, field), str):
            raise MalformedInput(f"{field} is not text.", field=field)
    with transaction.atomic():
        approval_request = transitions.lock(outcome.request_id)
        if namespace not in (None, approval_request.namespace):
            raise UnknownRequest
        detail = storable(outcome.detail, entries.MAXIMUM_DETAIL)
        if status is OutcomeStatus.DENIED and approval_request.state != RequestState.DENIED:
            status, detail = OutcomeStatus.WITHDRAWN, UNSIGNED_DENIAL
        if approval_request.outcome_status and (
            approval_request.outcome_status in entries.RAN or status not in entries.RAN
        ):
            return  # reported before; only that the call ran after all is news
        transitions.move(approval_request, _STATES[status], at=at)
        approval_request.outcome_status = status
        approval_request.outcome_code = storable(outcome.error_type, 150)
        approval_request.outcome_detail = detail
        approval_request.result_text = storable(outcome.result_json, MAXIMUM_RESULT)
        approval_request.save(update_fields=["outcome_status", "outcome_code", "outcome_detail", "result_text"])
        entries.ended(approval_request, status)


def withdraw(*, request_id: str, reason: str) -> None:
    """End a request that no workflow waits for any more, in nobody's name; harmless if it has ended."""
    with transaction.atomic():
        approval_request = transitions.lock(request_id)
        _withdraw(approval_request, reason, timezone.now())


def expire_overdue(*, limit: int) -> int:
    """End at most ``limit`` requests whose time is over and whose workflow has not said so; return how many.

    Silence is recorded as silence. What enough people approved is not silence: its workflow asks again.
    """
    now = timezone.now()
    overdue = ApprovalRequest.objects.filter(state=RequestState.OPEN, expires_at__lte=now - OVERDUE)
    request_ids = list(overdue.order_by("expires_at", "pk").values_list("pk", flat=True)[:limit])
    for request_id in request_ids:
        with transaction.atomic():
            approval_request = transitions.lock(request_id)
            if approval_request.state != RequestState.OPEN:
                continue  # decided or reported while this one waited for its lock
            transitions.move(approval_request, RequestState.EXPIRED, at=now)
            _keep_outcome(approval_request, OutcomeStatus.EXPIRED, NOBODY_DECIDED)
            entries.ended(approval_request, OutcomeStatus.EXPIRED)
    return len(request_ids)


def mark_verified(*, request_id: str, request_hash: bytes, at_ms: int) -> None:
    """Record when a worker verified the signatures on this request's call; the first report counts.

    Raises ``UnknownRequest``, ``HashMismatch`` or ``MalformedInput``.
    """
    at = _time("at_ms", at_ms)
    with transaction.atomic():
        approval_request = transitions.lock(request_id)
        if bytes(approval_request.request_hash) != request_hash:
            raise HashMismatch("The worker verified another call.", field="request_hash")
        if approval_request.verified_at is None:
            approval_request.verified_at = at
            approval_request.save(update_fields=["verified_at"])
            namespace = approval_request.namespace
            bus.publish(Event(LiveKind.REQUEST_VERIFIED, request_id, approval_request.chain, namespace=namespace))


def record_run(*, report: RunReport) -> None:
    """Record the end of a run, once, and withdraw what it left waiting.

    Raises ``MalformedInput``, and ``WrongNamespace`` unless the incident is of the run's namespace.
    """
    at = _time("at_ms", report.at_ms)
    for field, maximum in (("namespace", 255), ("workflow_id", 1000), ("run_id", 64), ("status", 40), ("chain", 64)):
        value = getattr(report, field)
        if not isinstance(value, str) or not is_plain(value) or len(value) > maximum:
            raise MalformedInput(f"{field} is not a printable text of 1 to {maximum} characters.", field=field)
    if not isinstance(report.detail, str):
        raise MalformedInput("detail is not text.", field="detail")
    if not is_incident(report.chain):
        raise MalformedInput("chain names no incident that is known here.", field="chain")
    with transaction.atomic():
        _, is_new = ClosedRun.objects.get_or_create(
            address=_address(report), defaults={"chain": report.chain, "status": report.status, "closed_at": at}
        )
        if not is_new:
            return
        for request_id in _waiting_of(report):
            _withdraw(transitions.lock(request_id), f"The run has ended ({report.status}) without this call.", at)
        entries.run_completed(report)


def _existing(request_id: str, digest: bytes) -> ApprovalRequest | None:
    found = ApprovalRequest.objects.filter(pk=request_id).first()
    if found is not None and bytes(found.content_digest) != digest:
        raise RequestConflict("This request id was used for another call.", field="request_id")
    return found


def _create(gate_request: GateRequest, checked: intake.CheckedRequest, digest: bytes, now: datetime) -> ApprovalRequest:
    # A warrant that was handed down from one of ours has its root here; its incident is the root's.
    minted = Warrant.objects.select_related("agent").defer("data").filter(pk=checked.chain.root_id).first()
    severity = minted.severity if minted else ""
    earlier = superseding.lock_earlier(gate_request, checked.request_hash)
    approval_request = ApprovalRequest.objects.create(
        id=gate_request.request_id,
        content_digest=digest,
        chain=checked.chain.root_id,
        warrant_id=checked.chain.leaf.id,
        warrant_chain=gate_request.warrant_chain,
        namespace=gate_request.namespace,
        workflow_id=gate_request.workflow_id,
        run_id=gate_request.run_id,
        workflow_type=gate_request.workflow_type,
        tool=gate_request.tool,
        target=storable(target(checked.arguments), 120),
        arguments_cbor=checked.arguments_cbor,
        request_hash=checked.request_hash,
        threshold=checked.threshold,
        # The terms of the policy the warrant was minted under, whatever the policy says by now.
        step_up_seconds=minted.step_up_seconds if minted else None,
        reading_seconds=minted.reading_seconds if minted else None,
        approvals_per_hour=minted.approvals_per_hour if minted else None,
        confirm_text=_confirm_text(minted, gate_request.tool, checked) if minted else "",
        gate_message=checked.display.gate_message,
        reasoning=checked.display.reasoning,
        history=[dataclasses.asdict(line) for line in checked.display.history],
        display_digest=checked.display.digest,
        earlier_denials=checked.earlier_denials,
        why_again=checked.why_again or (superseding.ANOTHER_RUN if earlier else ""),
        agent=minted.agent.name if minted else "",
        acting_for=checked.chain.acting.person if checked.chain.acting else "",
        service=minted.service if minted else "",
        severity=severity,
        urgency=urgency.rank(severity),
        opened_at=now,
        expires_at=checked.expires_at,
    )
    RequiredApprover.objects.bulk_create(
        RequiredApprover(approval_request=approval_request, public_key=key) for key in checked.required_approvers
    )
    entries.requested(approval_request, checked)
    notify.opened(approval_request=approval_request)
    for one in earlier:
        superseding.supersede(one, by=approval_request)
    return approval_request


def _confirm_text(minted: Warrant, tool: str, checked: intake.CheckedRequest) -> str:
    """Return what an approver has to type: the value of the argument that the policy names, or the tool's name."""
    name = minted.confirmed_arguments.get(tool)
    if name is None:
        return ""
    value = checked.arguments.get(name)
    return storable(value, MAXIMUM_CONFIRMATION).strip() if isinstance(value, str) and value.strip() else tool


def _withdraw(approval_request: ApprovalRequest, reason: str, at: datetime) -> None:
    if not transitions.move(approval_request, RequestState.WITHDRAWN, at=at):
        return
    _keep_outcome(approval_request, OutcomeStatus.WITHDRAWN, reason)
    entries.withdrawn(approval_request, reason)


def _keep_outcome(approval_request: ApprovalRequest, status: OutcomeStatus, detail: str) -> None:
    approval_request.outcome_status = status
    approval_request.outcome_detail = detail
    approval_request.save(update_fields=["outcome_status", "outcome_detail"])


def _waiting_of(report: RunReport) -> list[str]:
    waiting = ApprovalRequest.objects.filter(
        run_id=report.run_id, workflow_id=report.workflow_id, namespace=report.namespace, state__in=UNFINISHED
    )
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def _address(report: RunReport) -> str:
    address = "\x00".join((report.namespace, report.workflow_id, report.run_id))
    return hashlib.sha256(address.encode()).hexdigest()


def _status(text: str) -> OutcomeStatus:
    try:
        status = OutcomeStatus(text)
    except ValueError:
        raise MalformedInput("The outcome's status is not known here.", field="status") from None
    if status is OutcomeStatus.SUPERSEDED:
        raise MalformedInput("Only the request that takes over ends the one before.", field="status")
    return status


def _time(field: str, milliseconds: int) -> datetime:
    """Return the UTC time of ``milliseconds`` since 1970."""
    if type(milliseconds) is not int or not 0 <= milliseconds < 2**42:
        raise MalformedInput(f"{field} is not a time in milliseconds.", field=field)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
