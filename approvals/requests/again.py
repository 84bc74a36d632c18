"""What the pages of a request say of the one before it, the one after it, and approvals that ran out. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from approvals.contracts import DecisionKind, RequestState
from approvals.models import ApprovalRequest, Decision

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LapsedApproval:
    """An approval that nothing ran with before its signature expired, or its key was revoked."""

    person: str
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """A request about the same call that another one took over from."""

    id: str
    opened_at: datetime
    lapsed: list[LapsedApproval]

    @property
    def url(self) -> str:
        return reverse("approvals:request", args=[self.id])


def earlier_requests(approval_request: ApprovalRequest) -> list[EarlierRequest]:
    """Return those that ``approval_request`` took over from, the last one first."""
    if not approval_request.is_asked_again:
        return []
    rows = approval_request.supersedes.prefetch_related("decisions").order_by("-opened_at", "-pk")[:_SHOWN]
    return [EarlierRequest(row.pk, row.opened_at, _expired_by(row, approval_request.opened_at)) for row in rows]


def split(
    approval_request: ApprovalRequest, decisions: list[Decision], now: datetime
) -> tuple[list[Decision], list[LapsedApproval]]:
    """Return the decisions that count at ``now``, and the approvals that ran out and were not given again."""
    counting = [one for one in decisions if not one.lapsed and not _has_run_out(approval_request, one, now)]
    people = {one.external_id for one in counting}
    lapsed = [one for one in decisions if one not in counting and one.external_id not in people]
    return counting, [_lapsed(one) for one in {one.external_id: one for one in lapsed}.values()]


def _has_run_out(approval_request: ApprovalRequest, decision: Decision, now: datetime) -> bool:
    # Once enough people have signed, how long the signatures live is between them and the worker.
    is_open = approval_request.state == RequestState.OPEN
    return is_open and decision.expires_at is not None and decision.expires_at <= now


def _expired_by(approval_request: ApprovalRequest, moment: datetime) -> list[LapsedApproval]:
    given = [one for one in approval_request.decisions.all() if one.kind == DecisionKind.APPROVE and not one.lapsed]
    return [_lapsed(one) for one in given if one.expires_at is not None and one.expires_at <= moment]


def _lapsed(decision: Decision) -> LapsedApproval:
    return LapsedApproval(decision.display_name, decision.decided_at, decision.expires_at or decision.decided_at)
