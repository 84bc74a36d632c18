"""How gated calls end: executed, failed, denied, expired, withdrawn; each recorded once, in the right name."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import errors
from approvals.contracts import Outcome, OutcomeStatus, RequestState, RunReport
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, ClosedRun
from approvals.requests import services
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db
AT = 1_790_000_000_000


def _close(approval_request: ApprovalRequest, status: str, **changes: Any) -> ApprovalRequest:
    services.close(outcome=Outcome(approval_request.pk, status, AT, **changes))
    return ApprovalRequest.objects.get(pk=approval_request.pk)


def _kinds(approval_request: ApprovalRequest) -> list[str]:
    return list(LedgerEntry.objects.filter(chain=approval_request.chain).values_list("kind", flat=True))


def _run_report(approval_request: ApprovalRequest, **changes: Any) -> RunReport:
    facts: dict[str, Any] = {
        "chain": approval_request.chain,
        "namespace": approval_request.namespace,
        "workflow_id": approval_request.workflow_id,
        "run_id": approval_request.run_id,
        "status": "completed",
        "at_ms": AT,
    }
    return RunReport(**{**facts, **changes})


@pytest.mark.parametrize("status", ["executed", "failed"])
def test_the_result_of_an_approved_call_is_recorded_once(ada: Approver, waiting: ApprovalRequest, status: str) -> None:
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    for _ in range(2):
        closed = _close(waiting, status, result_json='{"restarted": true}', error_type="Boom", detail="It said no.")
    assert (closed.state, closed.outcome_status, closed.result_text) == (status, status, '{"restarted": true}')
    assert closed.urgency is None
    assert _kinds(waiting) == [EntryKind.APPROVAL_REQUESTED, EntryKind.APPROVAL_GRANTED, EntryKind.CALL_RESULT]


def test_silence_is_recorded_as_silence(waiting: ApprovalRequest) -> None:
    for _ in range(2):
        assert _close(waiting, "expired").state == RequestState.EXPIRED
    assert _kinds(waiting) == [EntryKind.APPROVAL_REQUESTED, EntryKind.APPROVAL_EXPIRED]


def test_a_call_that_is_no_longer_wanted_is_withdrawn(waiting: ApprovalRequest) -> None:
    assert _close(waiting, "withdrawn", detail="The workflow was cancelled.").state == RequestState.WITHDRAWN
    entry = LedgerEntry.objects.get(kind=EntryKind.APPROVAL_WITHDRAWN)
    details = statements.parse(bytes(entry.envelope)).facts["details"]
    assert details == {"request_id": waiting.pk, "reason": "The workflow was cancelled."}


def test_a_denial_that_nobody_signed_is_not_put_into_a_persons_mouth(waiting: ApprovalRequest) -> None:
    closed = _close(waiting, "denied", detail="Ada said no.")
    assert (closed.state, closed.outcome_status) == (RequestState.WITHDRAWN, OutcomeStatus.WITHDRAWN)
    assert closed.outcome_detail == services.UNSIGNED_DENIAL
    assert EntryKind.APPROVAL_DENIED not in _kinds(waiting)


def test_a_signed_denial_stays_a_denial(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    for _ in range(2):
        closed = _close(waiting, "denied")
    assert (closed.state, closed.outcome_status) == (RequestState.DENIED, OutcomeStatus.DENIED)
    assert _kinds(waiting) == [EntryKind.APPROVAL_REQUESTED, EntryKind.APPROVAL_DENIED]


def test_a_report_cannot_turn_a_denial_into_an_approval(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    closed = _close(waiting, "executed")
    # What was denied and ran all the same must be seen, not smoothed over.
    assert (closed.state, closed.outcome_status) == (RequestState.DENIED, OutcomeStatus.EXECUTED)


def test_a_call_that_ran_ran_even_when_its_report_comes_late(waiting: ApprovalRequest) -> None:
    services.record_run(report=_run_report(waiting))
    assert _close(waiting, "executed").state == RequestState.EXECUTED
    assert _close(waiting, "withdrawn").state == RequestState.EXECUTED
    assert _close(waiting, "expired").outcome_status == OutcomeStatus.EXECUTED


def test_hostile_outcome_texts_are_stored_within_bounds(waiting: ApprovalRequest) -> None:
    closed = _close(waiting, "failed", result_json="\x00" * 200_000, detail="\ud800" * 9_000, error_type="\x00" * 9_000)
    assert len(closed.result_text) < 70_000
    assert len(closed.outcome_detail) < 5_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "approved"),
        ("status", ""),
        ("status", None),
        ("at_ms", -1),
        ("at_ms", 2**70),
        ("at_ms", 1.5),
        ("detail", None),
        ("result_json", {"a": 1}),
    ],
)
def test_an_outcome_that_makes_no_sense_is_refused(waiting: ApprovalRequest, field: str, value: Any) -> None:
    facts = {"request_id": waiting.pk, "status": "executed", "at_ms": AT, field: value}
    with pytest.raises(errors.MalformedInput) as refused:
        services.close(outcome=Outcome(**facts))
    assert refused.value.field == field


def test_an_outcome_of_an_unknown_request_is_refused(db: None) -> None:
    for request_id in ("req_unknown", "", "nul\x00nul-nul", "\ud800" * 10, "x" * 100_000):
        with pytest.raises(errors.UnknownRequest):
            services.close(outcome=Outcome(request_id, "executed", AT))
        with pytest.raises(errors.UnknownRequest):
            services.mark_verified(request_id=request_id, request_hash=bytes(32), at_ms=AT)


def test_the_first_verification_counts(waiting: ApprovalRequest) -> None:
    request_hash = bytes(waiting.request_hash)
    services.mark_verified(request_id=waiting.pk, request_hash=request_hash, at_ms=AT)
    services.mark_verified(request_id=waiting.pk, request_hash=request_hash, at_ms=AT + 5_000)
    verified_at = ApprovalRequest.objects.get(pk=waiting.pk).verified_at
    assert verified_at is not None
    assert verified_at.timestamp() * 1000 == AT


def test_the_verification_of_another_call_does_not_count(waiting: ApprovalRequest) -> None:
    """Which request a call belongs to is the agent's word: it may name one for a call that needs nobody."""
    with pytest.raises(errors.HashMismatch):
        services.mark_verified(request_id=waiting.pk, request_hash=bytes(32), at_ms=AT)
    assert ApprovalRequest.objects.get(pk=waiting.pk).verified_at is None


def test_a_run_report_begins_no_chain_and_never_touches_the_chain_of_keys(waiting: ApprovalRequest) -> None:
    before = LedgerEntry.objects.filter(chain="keys").count()
    assert before
    for chain in ("keys", "tnu_wrt_" + "0" * 32):
        with pytest.raises(errors.MalformedInput, match="no incident"):
            services.record_run(report=_run_report(waiting, chain=chain))
    assert LedgerEntry.objects.filter(chain="keys").count() == before
    assert not ClosedRun.objects.exists()


def test_the_end_of_a_run_is_recorded_once_and_withdraws_what_waits(waiting: ApprovalRequest) -> None:
    for _ in range(2):
        services.record_run(report=_run_report(waiting))
    assert ApprovalRequest.objects.get(pk=waiting.pk).state == RequestState.WITHDRAWN
    assert _kinds(waiting) == [
        EntryKind.APPROVAL_REQUESTED,
        EntryKind.APPROVAL_WITHDRAWN,
        EntryKind.RUN_COMPLETED,
    ]
    assert ClosedRun.objects.count() == 1


def test_the_end_of_another_run_withdraws_nothing(waiting: ApprovalRequest) -> None:
    services.record_run(report=_run_report(waiting, run_id="another-run"))
    assert ApprovalRequest.objects.get(pk=waiting.pk).state == RequestState.OPEN


@pytest.mark.parametrize("field", ["chain", "namespace", "workflow_id", "run_id", "status"])
def test_a_run_report_that_makes_no_sense_is_refused(waiting: ApprovalRequest, field: str) -> None:
    for value in ("", "\x00", "x" * 2000, None):
        with pytest.raises(errors.MalformedInput) as refused:
            services.record_run(report=_run_report(waiting, **{field: value}))
        assert refused.value.field == field
    assert not ClosedRun.objects.exists()
