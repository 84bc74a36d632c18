"""How far a request has come: signed, delivered, verified, executed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from approvals.contracts import DecisionKind, OutcomeStatus, RequestState
from approvals.models import ApprovalRequest, Decision, Delivery


@dataclass(frozen=True, slots=True)
class Step:
    """One of "signed", "delivered", "verified", "executed"; ``state`` is "done", "waiting", "failed" or "none"."""

    name: str
    state: str
    at: datetime | None
    detail: str


def steps_of(approval_request: ApprovalRequest, decisions: list[Decision]) -> list[Step]:
    """Return the four steps in order. "none" is a step that this request will never take."""
    return [
        _signed(approval_request, decisions),
        _delivered(approval_request),
        _verified(approval_request),
        _executed(approval_request),
    ]


def _signed(approval_request: ApprovalRequest, decisions: list[Decision]) -> Step:
    given = sum(decision.kind == DecisionKind.APPROVE for decision in decisions)
    last = decisions[-1].decided_at if decisions else None
    if approval_request.state == RequestState.DENIED:
        names = [decision.display_name for decision in decisions if decision.kind == DecisionKind.DENY]
        return Step("signed", "done", last, f"Denied by {' and '.join(names)}" if names else "Denied")
    counted = f"{given} of {approval_request.threshold} approvals"
    if given >= approval_request.threshold:
        return Step("signed", "done", last, counted)
    return Step("signed", "waiting" if approval_request.state == RequestState.OPEN else "none", None, counted)


def _delivered(approval_request: ApprovalRequest) -> Step:
    delivery: Delivery | None = getattr(approval_request, "delivery", None)
    if delivery is None:
        return Step("delivered", _pending(approval_request), None, "")
    if delivery.sent_at:
        return Step("delivered", "done", delivery.sent_at, "")
    if delivery.gone_at:
        return Step("delivered", "failed", delivery.gone_at, delivery.last_error)
    detail = f"Tried {delivery.attempts} times, trying again" if delivery.last_error else ""
    return Step("delivered", "waiting", None, detail)


def _verified(approval_request: ApprovalRequest) -> Step:
    if approval_request.verified_at:
        return Step("verified", "done", approval_request.verified_at, "")
    if approval_request.outcome_status == OutcomeStatus.EXECUTED:
        return Step("verified", "done", None, "")  # what ran was verified; the worker's receipt is on its way
    return Step("verified", _pending(approval_request), None, "")


def _executed(approval_request: ApprovalRequest) -> Step:
    closed_at, detail = approval_request.closed_at, approval_request.outcome_detail
    if approval_request.outcome_status == OutcomeStatus.EXECUTED:
        return Step("executed", "done", closed_at, detail)
    if approval_request.outcome_status == OutcomeStatus.FAILED:
        return Step("executed", "failed", closed_at, detail or approval_request.outcome_code)
    return Step("executed", _pending(approval_request), None, detail)


def _pending(approval_request: ApprovalRequest) -> str:
    return "none" if RequestState(approval_request.state).is_final else "waiting"
