"""Evidence of several people's decisions: the auditor counts again what ended a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from audit.verify.report import Report
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import TERMS, Evidence


def asked(**options: Any) -> Evidence:
    """Return an incident in which two people, each of whom could approve, were asked."""
    evidence = Evidence(terms=replace(TERMS, one_denial_ends=False), **options)
    evidence.minted()
    evidence.gated()
    evidence.requested()
    return evidence


def check(evidence: Evidence) -> Report:
    evidence.completed()
    return verify(evidence.file(), roots=[evidence.root_hex])


def refusal(report: Report) -> tuple[Step, str]:
    failed = [line.failure for line in report.lines if line.failure is not None]
    assert failed, report.as_text()
    return failed[0].step, str(failed[0])


def test_a_request_ends_when_nobody_is_left_to_approve() -> None:
    evidence = asked()
    evidence.refused(evidence.deny(), ends_request=False)
    evidence.refused(evidence.deny(key=evidence.other), ends_request=True)
    report = check(evidence)
    assert report.verified, report.as_text()
    assert "1 people could still approve" in report.lines[4].as_text()
    assert "it ended the request" in report.lines[5].as_text()


def test_others_may_approve_what_one_person_denied() -> None:
    evidence = asked()
    evidence.refused(evidence.deny(), ends_request=False)
    approval = evidence.approve(key=evidence.other)
    evidence.granted(approval)
    evidence.restarted(approval)
    evidence.result()
    assert check(evidence).verified


@pytest.mark.parametrize(
    ("options", "said"),
    [({"threshold": 1}, True), ({"threshold": 2}, False)],
    ids=["too few denials", "enough denials"],
)
def test_the_service_cannot_say_that_a_denial_ended_what_it_did_not_end(options: dict[str, int], said: bool) -> None:
    evidence = asked(**options)
    evidence.refused(evidence.deny(), ends_request=said)
    step, sentence = refusal(check(evidence))
    assert step is Step.DECISION
    assert "It is said that the denial" in sentence


def test_a_call_that_ran_after_enough_denials_is_refused() -> None:
    evidence = asked()
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.refused(evidence.deny(key=evidence.other))
    evidence.refused(evidence.deny())
    evidence.restarted(approval)
    step, sentence = refusal(check(evidence))
    assert (step, "after a person denied it" in sentence) == (Step.APPROVALS, True)


def test_nobody_approves_what_they_denied() -> None:
    evidence = asked()
    evidence.refused(evidence.deny())
    evidence.granted(evidence.approve())
    step, sentence = refusal(check(evidence))
    assert (step, "had denied this request before" in sentence) == (Step.DECISION, True)


def test_an_approval_of_somebody_who_denied_since_runs_nothing() -> None:
    evidence = asked()
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.refused(evidence.deny())
    evidence.restarted(approval)
    step, sentence = refusal(check(evidence))
    assert (step, "who had denied it" in sentence) == (Step.APPROVALS, True)


# --- Taken back -----------------------------------------------------------------------------


def test_an_approval_that_was_taken_back_and_given_anew_verifies() -> None:
    evidence = asked()
    first = evidence.approve()
    evidence.granted(first)
    evidence.taken_back(first)
    second = evidence.approve()
    evidence.granted(second)
    evidence.restarted(second)
    evidence.result()
    report = check(evidence)
    assert report.verified, report.as_text()
    assert "takes back their approval" in report.as_text()


def test_a_call_that_ran_with_an_approval_that_was_taken_back_is_refused() -> None:
    evidence = asked()
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.taken_back(approval)
    evidence.restarted(approval)
    step, sentence = refusal(check(evidence))
    assert (step, "taken back before it ran" in sentence) == (Step.APPROVALS, True)


def test_nobody_takes_back_what_another_person_approved() -> None:
    evidence = asked()
    approval = evidence.approve()
    evidence.granted(approval)
    evidence.taken_back(approval, key=evidence.other)
    step, sentence = refusal(check(evidence))
    assert (step, "this person has not given" in sentence) == (Step.DECISION, True)
