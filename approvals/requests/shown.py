"""What a stored request shows to people, and what their decisions about it must be bound to."""

from __future__ import annotations

from approvals.contracts import CallRecord
from approvals.models import ApprovalRequest
from approvals.requests.chain import WarrantChain
from approvals.signing.binding import Binding
from approvals.signing.display import Display


def display_of(approval_request: ApprovalRequest) -> Display:
    return Display(
        workflow_type=approval_request.workflow_type,
        threshold=approval_request.threshold,
        gate_message=approval_request.gate_message,
        reasoning=approval_request.reasoning,
        history=tuple(CallRecord(**line) for line in approval_request.history),
    )


def binding_of(approval_request: ApprovalRequest, chain: WarrantChain) -> Binding:
    return Binding(
        request_id=approval_request.pk,
        namespace=approval_request.namespace,
        workflow_id=approval_request.workflow_id,
        run_id=approval_request.run_id,
        display_digest=bytes(approval_request.display_digest),
        policy_version=chain.terms.policy_label,
    )
