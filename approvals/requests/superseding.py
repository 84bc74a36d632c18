"""A call is asked about anew: the request before ends, in nobody's name, and the two pages know of each other."""

from __future__ import annotations

from datetime import UTC, datetime

from approvals.contracts import GateRequest, OutcomeStatus, RequestState
from approvals.errors import CannotSupersede
from approvals.models import ApprovalRequest
from approvals.requests import entries, transitions

ANOTHER_RUN = "Another run of the workflow asks about the same call: it was reset, or started anew."
# What ended like this may be asked about again. What ran, or was denied, has its answer.
_UNANSWERED = {RequestState.OPEN, RequestState.APPROVED, RequestState.EXPIRED, RequestState.WITHDRAWN}


def lock_earlier(gate_request: GateRequest, request_hash: bytes) -> list[ApprovalRequest]:
    """Return, locked, the requests about the same call that ``gate_request`` takes over from.

    That is the one it names, and those of earlier runs of the same workflow that are not over. Raises
    ``CannotSupersede`` unless the named one is about this call and unanswered.
    """
    own = {"namespace": gate_request.namespace, "workflow_id": gate_request.workflow_id, "request_hash": request_hash}
    # The workflow's own clock: what an earlier run asks late must not end what the later one has asked.
    asked_at = datetime.fromtimestamp(gate_request.opened_at_ms / 1000, UTC)
    of_earlier_runs = ApprovalRequest.objects.filter(**own, urgency__isnull=False, opened_at__lt=asked_at)
    found = set(of_earlier_runs.exclude(run_id=gate_request.run_id).values_list("pk", flat=True))
    named = gate_request.supersedes
    if named:
        if not ApprovalRequest.objects.filter(**own, pk=named).exists():
            raise CannotSupersede("There is no earlier request about this call of this workflow by that id.")
        found.add(named)
    # In one order, so that two that take over at once wait for each other.
    locked = [transitions.lock(request_id) for request_id in sorted(found)]
    for earlier in locked:
        if earlier.pk == named and not _may_be_taken_over(earlier, gate_request.request_id):
            raise CannotSupersede("The earlier request has its answer, or another request has taken over from it.")
    return locked


def _may_be_taken_over(earlier: ApprovalRequest, by: str) -> bool:
    # The same opening, tried twice at once, finds its own work done.
    return earlier.superseded_by_id == by or (earlier.superseded_by_id is None and earlier.state in _UNANSWERED)


def supersede(earlier: ApprovalRequest, *, by: ApprovalRequest) -> None:
    """End the locked request ``earlier``, if nothing else has; ``by`` was just opened and says why."""
    earlier.superseded_by = by
    earlier.save(update_fields=["superseded_by"])
    if not transitions.move(earlier, RequestState.SUPERSEDED, at=by.opened_at):
        return
    earlier.outcome_status = OutcomeStatus.SUPERSEDED
    earlier.outcome_detail = by.why_again
    earlier.save(update_fields=["outcome_status", "outcome_detail"])
    entries.superseded(earlier, by)
