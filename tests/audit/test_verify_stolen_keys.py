"""A thief has the service's ledger and receipts keys, and no person's: what must still not be forgeable."""

from __future__ import annotations

from typing import Any

import pytest

from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.verify.steps import Step
from tests.audit.evidence import LEAD, RESTART, Evidence, edit, public
from tests.audit.test_verify_attacks import check, failure

STAGING = {**RESTART, "environment": "staging"}


@pytest.fixture
def evidence() -> Evidence:
    """An incident whose restart waits for people."""
    evidence = Evidence()
    evidence.minted()
    evidence.gated()
    evidence.requested()
    return evidence


def without_arguments(evidence: Evidence, line: int) -> list[bytes]:
    """Return the file's lines, the arguments of ``line`` erased."""
    lines = evidence.lines()
    lines[line - 1] = edit(lines[line - 1], attachments={"arguments": None})
    return lines


def test_erased_arguments_do_not_hide_that_nobody_approved(evidence: Evidence) -> None:
    line = evidence.allowed("restart_service", STAGING)
    evidence.completed()
    assert check(evidence).verified
    step, sentence = failure(check(evidence, without_arguments(evidence, line)), line)
    assert step is Step.APPROVALS
    assert "erased" in sentence


def test_an_execution_is_not_backed_by_another_call_that_names_its_request(evidence: Evidence) -> None:
    """Which request a call belongs to is the agent's word: an allowed call that needs nobody may name any."""
    evidence.allowed(request_id="request-1")
    line = evidence.result()
    evidence.completed()
    step, sentence = failure(check(evidence), line)
    assert step is Step.OUTCOME
    assert "no receipt here allowed it" in sentence


def test_one_approval_does_not_back_two_dispatches_under_one_activity_id(evidence: Evidence) -> None:
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.restarted(approval, activity_id="the-one")
    line = evidence.restarted(approval, activity_id="the-one")
    evidence.completed()
    step, sentence = failure(check(evidence), line)
    assert step is Step.APPROVALS
    assert "used before" in sentence


def test_erased_arguments_do_not_bring_an_expired_approval_back(evidence: Evidence) -> None:
    approval = evidence.approve(lifetime=300)
    evidence.granted(approval)
    late = 5_000
    evidence.issuer = Late(evidence.issuer, late)  # type: ignore[assignment]
    details = evidence.call_details("restart_service", RESTART, approvals=(approval,), request_id="request-1")
    details["decided_at_ms"] += late * 1000
    line = evidence.add(EntryKind.CALL_ALLOWED, details, {"arguments": cbor.encode(RESTART)}, at=evidence.now + late)
    evidence.completed()
    step, sentence = failure(check(evidence, without_arguments(evidence, line)), line)
    assert step is Step.APPROVALS
    assert "not valid when" in sentence


class Late:
    """A receipts key that dates its receipts later than the decision."""

    def __init__(self, issuer: Any, seconds: int) -> None:
        self._issuer, self._seconds = issuer, seconds

    def issue_receipt(self, result: Any, tool: str, allowed: bool, at: int, name: str, code: Any) -> str:
        return str(self._issuer.issue_receipt(result, tool, allowed, at + self._seconds, name, code))


def test_an_incident_has_one_minting_so_keys_do_not_change_their_people(evidence: Evidence) -> None:
    evidence.people[public(evidence.other)] = LEAD
    line = evidence.minted()
    evidence.completed()
    step, _ = failure(check(evidence), line)
    assert step is Step.PLACE


@pytest.mark.parametrize(
    "kind",
    [EntryKind.ROLE_GRANTED, EntryKind.ROLE_REVOKED, EntryKind.PERSON_DISABLED, EntryKind.PERSON_ENABLED],
)
def test_what_people_may_do_is_not_changed_in_an_incident(evidence: Evidence, kind: EntryKind) -> None:
    line = evidence.add(kind, {"person": LEAD, "by": "command line", "role": "approver", "namespace": "", "group": ""})
    evidence.completed()
    step, _ = failure(check(evidence), line)
    assert step is Step.PLACE


@pytest.mark.parametrize("kind", [EntryKind.KEY_ENROLLED, EntryKind.KEY_REVOKED])
def test_nobodys_key_is_enrolled_in_an_incident(evidence: Evidence, kind: EntryKind) -> None:
    line = evidence.add(kind, {"person": LEAD, "key": bytes(32), "reason": "", "name": "laptop"})
    evidence.completed()
    step, _ = failure(check(evidence), line)
    assert step is Step.PLACE
