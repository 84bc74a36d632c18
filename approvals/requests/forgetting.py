"""Letting go of what requests hold, when the ledger does. What was decided, by whom and when stays."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from approvals.models import ApprovalRequest, Decision
from approvals.requests.shown import display_of
from audit.ledger.signals import evidence_needed, evidence_removed, payload_erased
from audit.retention.contents import holds

REMOVED = "Removed at the end of its time."


def connect() -> None:
    evidence_needed.connect(_why_needed, dispatch_uid="approvals.requests.forgetting")
    payload_erased.connect(_forget_content, dispatch_uid="approvals.requests.forgetting")
    evidence_removed.connect(_forget_all, dispatch_uid="approvals.requests.forgetting")


def _why_needed(chain: str, **_: Any) -> str:
    waiting = ApprovalRequest.objects.filter(chain=chain, urgency__isnull=False).values_list("pk", flat=True).first()
    return f"Request {waiting} of this incident is not over: people read what it holds." if waiting else ""


def _forget_content(chain: str, content: bytes, **_: Any) -> None:
    """Empty every request that holds ``content``, whole: of words about it nobody can say what they repeat."""
    kept = ApprovalRequest.objects.filter(chain=chain, erased_at=None)
    _empty([row.pk for row in kept if any(holds(data, content) for data in _held(row))])


def _held(row: ApprovalRequest) -> tuple[bytes, ...]:
    return bytes(row.arguments_cbor), display_of(row).to_bytes(), row.result_text.encode()


def _forget_all(chain: str, **_: Any) -> None:
    rows = list(ApprovalRequest.objects.filter(chain=chain).values_list("pk", flat=True))
    _empty(rows)
    for decision in Decision.objects.filter(approval_request__in=rows):
        # A denial has a reason, whatever becomes of its words.
        decision.signed, decision.reason = b"", REMOVED if decision.reason else ""
        decision.save(update_fields=["signed", "reason"])


def _empty(rows: list[str]) -> None:
    ApprovalRequest.objects.filter(pk__in=rows).update(
        arguments_cbor=b"",
        confirm_text="",
        gate_message="",
        history=[],
        outcome_detail="",
        reasoning="",
        result_text="",
        target="",
        why_again="",
        erased_at=timezone.now(),
    )
