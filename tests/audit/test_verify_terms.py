"""Step 16: what an evidence file says of people who must not approve, and of how long approvals live."""

from __future__ import annotations

from typing import Any

import pytest

from audit.statements import cbor
from audit.statements.terms import Terms
from audit.verify.report import Report
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import LEAD, OTHER_LEAD, Evidence, approved_story, public

OTHER_RAISED_IT = Terms(barred_people=(OTHER_LEAD, "somebody@example.com"))


def story(evidence: Evidence, **approval: Any) -> Report:
    """Write the incident in which the lead approves, and verify it."""
    evidence.minted()
    evidence.gated()
    evidence.requested()
    signed = evidence.approve(**approval)
    evidence.granted(signed)
    evidence.restarted(signed)
    evidence.result()
    evidence.completed()
    return verified(evidence)


def verified(evidence: Evidence) -> Report:
    return verify(evidence.file(), roots=[evidence.root_hex], people_roots=[public(evidence.people_root).hex()])


def naming_the_lead_only(terms: Terms) -> Evidence:
    """Return a case that was minted for the lead alone, as it is where the other is barred."""
    evidence = Evidence(terms=terms)
    del evidence.people[public(evidence.other)]
    evidence.approvers = (evidence.lead,)
    evidence.warrant = evidence.issue(evidence.root)
    evidence.warrant_chain = [bytes(evidence.warrant.to_bytes())]
    evidence.chain = evidence.warrant.id
    return evidence


def failed(report: Report) -> list[tuple[int, Step]]:
    return [(line.line - 1, line.failure.step) for line in report.failures if line.failure is not None]


def test_a_case_in_which_somebody_is_barred_verifies_and_says_who() -> None:
    report = story(naming_the_lead_only(OTHER_RAISED_IT))
    assert report.verified, report.as_text()
    assert "its terms bar local:other, somebody@example.com from approving" in report.as_text()
    assert "as the warrant's terms want it: nobody whom the warrant bars" in report.as_text()


def test_an_approval_by_whoever_raised_the_alert_is_found_where_it_was_given_and_where_it_was_used() -> None:
    evidence = Evidence(terms=Terms(barred_people=(LEAD,)))
    report = story(evidence)
    assert failed(report) == [(1, Step.TERMS), (4, Step.TERMS), (5, Step.TERMS)]
    text = report.as_text()
    assert "step 16 (terms): The warrant names 'local:lead' as an approver, but its terms bar them." in text
    assert "step 16 (terms): 'local:lead' approved, but raised the alert, or the agent acts for them." in text


def test_a_denial_may_be_anybodys() -> None:
    evidence = Evidence(terms=Terms(barred_people=(LEAD,)))
    evidence.minted()
    evidence.gated()
    evidence.requested()
    evidence.refused(evidence.deny())
    evidence.completed()
    assert failed(verified(evidence)) == [(1, Step.TERMS)]


def test_the_name_in_the_approval_is_not_taken_for_the_person() -> None:
    """The lead is barred and signs as somebody else: the endorsement says whose key it is."""
    evidence = Evidence(terms=Terms(barred_people=(LEAD,)))
    report = story(evidence, person=OTHER_LEAD)
    assert not report.verified
    assert (4, Step.DECISION) in failed(report)


def test_an_approval_that_lives_longer_than_its_policy_allows_is_found() -> None:
    evidence = Evidence(terms=Terms(approval_seconds=60))
    report = story(evidence, lifetime=61)
    assert failed(report) == [(4, Step.TERMS), (5, Step.TERMS)]
    assert "The approval lives for 61 seconds; the warrant's terms allow 60." in report.as_text()
    fine = story(Evidence(terms=Terms(approval_seconds=60)), lifetime=60)
    assert fine.verified
    assert "lives 60 s at most" in fine.as_text()


def test_a_policy_does_not_lengthen_what_is_sane() -> None:
    report = story(Evidence(terms=Terms(approval_seconds=10 * 365 * 86400)), lifetime=2 * 86400)
    assert failed(report)[:2] == [(4, Step.DECISION), (5, Step.APPROVALS)]


@pytest.mark.parametrize("changes", [{"barred_people": [1]}, {"approval_seconds": "60"}, {"further": 1}])
def test_terms_that_cannot_be_read_verify_nothing(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]) -> None:
    data = cbor.encode({**cbor.decode(Terms().to_bytes()), **changes})
    monkeypatch.setattr(Terms, "to_bytes", lambda self: data)
    report = verified(approved_story())
    assert (1, Step.TERMS) in failed(report)
    assert {1, 6, 7} <= {line for line, _ in failed(report)}
