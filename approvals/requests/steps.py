"""How far a request has come: signed, delivered, verified, executed; and where it is stuck, since when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.contracts import DecisionKind, OutcomeStatus, RequestState
from approvals.delivery.queries import why_undelivered
from approvals.models import ApprovalRequest, Decision, Delivery

# A relay signals within a second. By then two tries have failed, or there is no relay.
DELIVERED_WITHIN = timedelta(seconds=10)
# The workflow wakes, dispatches, and a worker verifies: under a second. A run whose worker was killed is taken over
# after some seconds more, and receipts of workers elsewhere take another few.
VERIFIED_WITHIN = timedelta(seconds=20)
# How long the call itself takes nobody here knows. After two minutes a person wants to know where to look.
EXECUTED_WITHIN = timedelta(minutes=2)
# What is stuck is looked at again this often: what would have told of the change may be what is away.
LOOK_AGAIN = timedelta(seconds=5)

_UNVERIFIED = (
    "Temporal has the decision, but no worker of the agent has taken the call since, or none could check that the "
    "approval is unused. Is the agent's worker running?"
)
_UNREPORTED = "The call still runs, or its worker ended before it could report. Temporal knows which."


@dataclass(frozen=True, slots=True)
class Step:
    """One of "signed", "delivered", "verified", "executed".

    ``state`` is "done", "waiting", "stuck", "failed" or "none". ``since``: stuck since when. ``turns_at``: when it must
    be looked at again though nothing happened, since a step that waits for too long turns to "stuck".
    """

    name: str
    state: str
    at: datetime | None
    detail: str
    since: datetime | None = None
    turns_at: datetime | None = None


def steps_of(
    approval_request: ApprovalRequest, decisions: list[Decision], now: datetime, *, shows_content: bool = True
) -> list[Step]:
    """Return the four steps in order, as of ``now``. "none" is a step that this request will never take.

    Without ``shows_content`` no step says what the call itself said.
    """
    return [
        _signed(approval_request, decisions),
        _delivered(approval_request, now),
        _verified(approval_request, now),
        _executed(approval_request, now, approval_request.outcome_detail if shows_content else ""),
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


def _delivered(approval_request: ApprovalRequest, now: datetime) -> Step:
    delivery = _delivery_of(approval_request)
    if delivery is None:
        return Step("delivered", _pending(approval_request), None, "")
    if delivery.sent_at:
        return Step("delivered", "done", delivery.sent_at, "")
    if delivery.gone_at:
        return Step("delivered", "failed", delivery.gone_at, delivery.last_error)
    because = f"Because {why_undelivered(delivery, now)}."
    waiting = because if delivery.last_error else ""
    return _in_time("delivered", delivery.created_at, DELIVERED_WITHIN, now, waiting=waiting, stuck=because)


def _verified(approval_request: ApprovalRequest, now: datetime) -> Step:
    if approval_request.verified_at:
        return Step("verified", "done", approval_request.verified_at, "")
    if approval_request.outcome_status == OutcomeStatus.EXECUTED:
        return Step("verified", "done", None, "")  # what ran was verified; the worker's receipt is on its way
    delivery = _delivery_of(approval_request)
    if delivery is None or delivery.sent_at is None or approval_request.state != RequestState.APPROVED:
        return Step("verified", _pending(approval_request), None, "")
    return _in_time("verified", delivery.sent_at, VERIFIED_WITHIN, now, stuck=_UNVERIFIED)


def _executed(approval_request: ApprovalRequest, now: datetime, detail: str) -> Step:
    closed_at = approval_request.closed_at
    if approval_request.outcome_status == OutcomeStatus.EXECUTED:
        return Step("executed", "done", closed_at, detail)
    if approval_request.outcome_status == OutcomeStatus.FAILED:
        return Step("executed", "failed", closed_at, detail or approval_request.outcome_code)
    if approval_request.verified_at is None or approval_request.state != RequestState.APPROVED:
        return Step("executed", _pending(approval_request), None, detail)
    return _in_time("executed", approval_request.verified_at, EXECUTED_WITHIN, now, stuck=_UNREPORTED)


def _in_time(name: str, since: datetime, within: timedelta, now: datetime, *, waiting: str = "", stuck: str) -> Step:
    """Return a step that waits, or is stuck if it has waited for longer than ``within``."""
    if now < since + within:
        return Step(name, "waiting", None, waiting, turns_at=since + within)
    return Step(name, "stuck", None, stuck, since=since, turns_at=now + LOOK_AGAIN)


def _delivery_of(approval_request: ApprovalRequest) -> Delivery | None:
    return getattr(approval_request, "delivery", None)


def _pending(approval_request: ApprovalRequest) -> str:
    return "none" if RequestState(approval_request.state).is_final else "waiting"
