"""What one run asked people, for whoever answers in its name."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.contracts import Decision
from approvals.delivery.services import decision_of
from approvals.models import ApprovalRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what people signed about it; ``warrant_chain`` is base64, root first."""

    request_id: str
    chain: str
    request_hash: bytes
    warrant_chain: list[str]
    decision: Decision


def newest_request_of(*, namespace: str, workflow_id: str, run_id: str) -> Asked | None:
    """Return the newest request of a run, or None if it asked nobody."""
    found = ApprovalRequest.objects.filter(namespace=namespace, workflow_id=workflow_id, run_id=run_id)
    row = found.order_by("-opened_at", "-id").values("id", "chain", "request_hash", "warrant_chain").first()
    if row is None:
        return None
    decision = decision_of(row["id"], namespace=namespace)
    return Asked(row["id"], row["chain"], bytes(row["request_hash"]), row["warrant_chain"], decision)
