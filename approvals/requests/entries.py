"""What the ledger says of requests and runs. Each is called in the transaction of what it records."""

from __future__ import annotations

from approvals.contracts import OutcomeStatus, RunReport
from approvals.errors import WrongNamespace
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest
from approvals.requests.intake import CheckedRequest
from approvals.texts import storable
from audit.ledger.services import append
from audit.statements.kinds import EntryKind

MAXIMUM_REASON = 1_000
MAXIMUM_DETAIL = 4_000
NO_LONGER_NEEDED = "The workflow no longer waits for this call."
RAN = (OutcomeStatus.EXECUTED, OutcomeStatus.FAILED)


def requested(approval_request: ApprovalRequest, checked: CheckedRequest) -> None:
    """A call waits for people. Raises ``WrongNamespace`` unless the incident is of the call's namespace."""
    step_up_seconds = approval_request.step_up_seconds
    entry = append(
        chain=approval_request.chain,
        kind=EntryKind.APPROVAL_REQUESTED,
        details={
            "request_id": approval_request.pk,
            "request_hash": checked.request_hash,
            "tool": approval_request.tool,
            "warrant_id": approval_request.warrant_id,
            "namespace": approval_request.namespace,
            "workflow_id": approval_request.workflow_id,
            "run_id": approval_request.run_id,
            "threshold": checked.threshold,
            "expires_at": int(checked.expires_at.timestamp()),
            "display_digest": approval_request.display_digest,
            "policy_version": checked.policy_version,
            **({} if step_up_seconds is None else {"step_up_seconds": step_up_seconds}),
        },
        attachments={"arguments": checked.arguments_cbor, "display": checked.display.to_bytes()},
        namespace=approval_request.namespace,
    )
    # Whoever holds a warrant says where its calls run; only the incident's own people may be asked.
    if entry.chain.namespace != approval_request.namespace:
        raise WrongNamespace


def ended(approval_request: ApprovalRequest, status: OutcomeStatus) -> None:
    """A gated call ended as its request says."""
    request_id, chain = approval_request.pk, approval_request.chain
    if status in RAN:
        append(
            chain=chain,
            kind=EntryKind.CALL_RESULT,
            details={
                "request_id": request_id,
                "tool": approval_request.tool,
                "status": status.value,
                "error_type": approval_request.outcome_code,
            },
            attachments={"result": approval_request.result_text.encode()},
        )
    elif status is OutcomeStatus.EXPIRED:
        expires_at = int(approval_request.expires_at.timestamp())
        append(
            chain=chain,
            kind=EntryKind.APPROVAL_EXPIRED,
            details={"request_id": request_id, "expires_at": expires_at},
        )
    elif status is OutcomeStatus.WITHDRAWN:
        withdrawn(approval_request, approval_request.outcome_detail)
    else:  # the person's denial is in the ledger already
        bus.publish(Event(LiveKind.REQUEST_CLOSED, request_id, chain, namespace=approval_request.namespace))


def withdrawn(approval_request: ApprovalRequest, reason: str) -> None:
    """A call is no longer wanted, in nobody's name."""
    append(
        chain=approval_request.chain,
        kind=EntryKind.APPROVAL_WITHDRAWN,
        details={"request_id": approval_request.pk, "reason": storable(reason, MAXIMUM_REASON) or NO_LONGER_NEEDED},
    )


def superseded(approval_request: ApprovalRequest, by: ApprovalRequest) -> None:
    """A call was asked about anew, in nobody's name."""
    append(
        chain=approval_request.chain,
        kind=EntryKind.APPROVAL_SUPERSEDED,
        details={"request_id": approval_request.pk, "by": by.pk, "reason": by.why_again},
    )


def run_completed(report: RunReport) -> None:
    """A run under a warrant has closed. Raises ``WrongNamespace`` unless the incident is of the run's namespace."""
    entry = append(
        chain=report.chain,
        kind=EntryKind.RUN_COMPLETED,
        details={
            "namespace": report.namespace,
            "workflow_id": report.workflow_id,
            "run_id": report.run_id,
            "status": report.status,
            "detail": storable(report.detail, MAXIMUM_DETAIL),
        },
        namespace=report.namespace,
    )
    if entry.chain.namespace != report.namespace:
        raise WrongNamespace
