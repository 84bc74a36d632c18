"""The one place where a request's state changes, always under its row lock."""

from __future__ import annotations

from datetime import datetime

from approvals.contracts import RequestState
from approvals.errors import UnknownRequest
from approvals.models import ApprovalRequest
from approvals.notify import services as notify
from approvals.notify.contracts import NotificationEvent
from approvals.requests.identifiers import is_request_id

_WIDE = ("arguments_cbor", "reasoning", "history", "result_text", "outcome_detail", "gate_message")
_AFTER = {
    RequestState.OPEN: set(RequestState) - {RequestState.OPEN},
    RequestState.APPROVED: {
        RequestState.EXECUTED, RequestState.FAILED, RequestState.EXPIRED, RequestState.WITHDRAWN,
        RequestState.SUPERSEDED,
    },
    # Reports may overtake each other: a call that ran, ran. What a person denied stays denied.
    RequestState.EXPIRED: {RequestState.EXECUTED, RequestState.FAILED},
    RequestState.WITHDRAWN: {RequestState.EXECUTED, RequestState.FAILED},
    RequestState.SUPERSEDED: {RequestState.EXECUTED, RequestState.FAILED},
}  # fmt: skip


def lock(request_id: str) -> ApprovalRequest:
    """Return the request, locked until the transaction ends. Raises ``UnknownRequest``."""
    found = None
    if is_request_id(request_id):
        found = ApprovalRequest.objects.select_for_update().defer(*_WIDE).filter(pk=request_id).first()
    if found is None:
        raise UnknownRequest
    return found


def move(approval_request: ApprovalRequest, state: RequestState, *, at: datetime) -> bool:
    """Bring a locked request to ``state`` if that can follow; return whether it did."""
    if state not in _AFTER.get(RequestState(approval_request.state), ()):
        return False
    approval_request.state = state
    if state.is_final:
        approval_request.urgency = None
        approval_request.closed_at = approval_request.closed_at or at
    approval_request.save(update_fields=["state", "urgency", "closed_at"])
    notify.changed(approval_request=approval_request, event=NotificationEvent(state.value))
    return True
