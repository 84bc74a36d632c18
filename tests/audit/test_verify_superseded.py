"""Evidence of a call that was asked about anew: genuine, and changed by a server that holds its own keys."""

from __future__ import annotations

from typing import Any

import pytest

from audit.statements import cbor
from audit.statements.kinds import EntryKind
from audit.verify.report import Report
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import RESTART, Evidence

REASON = "The approval of local:lead expired before a worker was there."


def reopened() -> Evidence:
    """A request that expired with its approval, up to the request that takes over."""
    evidence = Evidence()
    evidence.minted()
    evidence.requested("request-1")
    evidence.granted(evidence.approve())
    evidence.requested("request-2")
    return evidence


def superseded(evidence: Evidence, **changes: Any) -> None:
    details = {"request_id": "request-1", "by": "request-2", "reason": REASON, **changes}
    evidence.add(EntryKind.APPROVAL_SUPERSEDED, details)


def check(evidence: Evidence) -> Report:
    return verify(evidence.file(), roots=[evidence.root_hex])


def test_a_call_that_was_asked_about_anew_and_then_ran_verifies() -> None:
    evidence = reopened()
    superseded(evidence)
    approval = evidence.approve(request_id="request-2")
    evidence.granted(approval, "request-2")
    evidence.restarted(approval, request_id="request-2")
    evidence.result("request-2")
    evidence.completed()
    report = check(evidence)
    assert report.verified, report.as_text()
    assert "asked again in nobody's name, as request-2" in report.as_text()


def test_a_worker_that_called_an_approval_expired_verifies() -> None:
    evidence = reopened()
    approval = evidence.approve()
    evidence.denied("restart_service", RESTART, approvals=(approval,), request_id="request-1", code="approval-lapsed")
    assert check(evidence).verified


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"by": "request-3"}, "was not opened"),
        ({"by": "request-1"}, "was not opened"),
        ({"request_id": "request-3"}, "not opened before"),
        ({"by": 7}, "by"),
        ({"reason": None}, "reason"),
    ],
)
def test_a_request_is_superseded_only_by_another_one_that_was_opened(changes: dict[str, Any], sentence: str) -> None:
    evidence = reopened()
    superseded(evidence, **changes)
    failure = check(evidence).lines[5].failure
    assert failure is not None
    assert failure.step is Step.OUTCOME
    assert sentence in str(failure)


@pytest.mark.parametrize("field", ["namespace", "workflow_id", "request_hash"])
def test_a_request_about_another_call_takes_over_from_none(field: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested("request-1")
    changes: dict[str, Any] = {field: "another"}
    if field == "request_hash":
        changes = {"request_hash": evidence.request_hash("restart_service", {**RESTART, "service": "checkout"})}
    evidence.requested("request-2", **changes)
    if field == "request_hash":
        arguments, salt = cbor.encode({**RESTART, "service": "checkout"}), bytes(16)
        evidence.attachments[-1]["arguments"] = (salt, arguments)
    superseded(evidence)
    failure = check(evidence).lines[4].failure
    assert failure is not None
    assert "another call" in str(failure)


def test_nobody_decides_a_request_that_another_took_over_from() -> None:
    evidence = reopened()
    superseded(evidence)
    evidence.refused(evidence.deny())
    failure = check(evidence).lines[6].failure
    assert failure is not None
    assert "came after the request was superseded" in str(failure)
