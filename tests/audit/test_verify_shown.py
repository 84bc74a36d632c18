"""What people were shown is evidence: an auditor recomputes its digest, and who signed something else is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from approvals.signing.display import digest_of
from audit.statements import cbor
from audit.statements.terms import Terms
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import SHOWN, Evidence, approved_story, denied_story
from tests.audit.test_verify_attacks import check, failure


def asked(**shown: Any) -> Evidence:
    """Return evidence in which people were shown ``SHOWN`` changed, though the request names the genuine digest."""
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    content = replace(SHOWN, **shown).to_bytes()
    salt, _ = evidence.attachments[1]["display"] or (b"", b"")
    evidence.attachments[1]["display"] = (salt, content)
    return evidence


def test_what_was_shown_verifies_and_the_report_says_so() -> None:
    report = check(approved_story())
    assert report.verified, report.as_text()
    text = report.as_text()
    assert f"what people were shown has the digest {SHOWN.digest.hex()[:8]}" in text
    assert text.count("signed over what was shown") == 2  # the decision, and the call that ran with it


@pytest.mark.parametrize(
    "shown",
    [{"reasoning": "All is well."}, {"gate_message": ""}, {"history": ()}, {"workflow_type": "Other"}],
    ids=lambda shown: next(iter(shown)),
)
def test_a_server_that_puts_something_else_on_file_is_found_out(shown: dict[str, Any]) -> None:
    step, sentence = failure(check(asked(**shown)), 2)
    assert step is Step.DISPLAY
    assert "another digest" in sentence


def test_what_was_shown_cannot_be_left_out_of_the_file() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    del evidence.attachments[1]["display"]
    step, sentence = failure(check(evidence), 2)
    assert step is Step.DISPLAY
    assert "not attached" in sentence


def test_what_was_shown_and_erased_is_said_and_the_rest_verifies() -> None:
    evidence = approved_story()
    lines = evidence.lines()
    stored = json.loads(lines[4])
    stored["attachments"]["display"] = None
    lines[4] = (json.dumps(stored, sort_keys=True, separators=(",", ":")) + "\n").encode()
    report = verify(evidence.file(lines), roots=[evidence.root_hex])
    assert report.verified, report.as_text()
    assert "what people were shown was erased" in report.lines[5].as_text()


ELSEWHERE: dict[str, dict[str, Any]] = {
    "display_digest": {"display_digest": replace(SHOWN, reasoning="All is well.").digest},
    "policy_version": {"policy_version": "incident-response@2"},
}


@pytest.mark.parametrize("field", ELSEWHERE)
def test_an_approval_over_something_else_is_refused_and_the_field_named(field: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    evidence.granted(evidence.approve(**ELSEWHERE[field]))
    step, sentence = failure(check(evidence), 3)
    assert step is Step.DISPLAY
    assert field in sentence
    assert "local:lead" in sentence


@pytest.mark.parametrize("field", ELSEWHERE)
def test_a_denial_over_something_else_is_refused_and_the_field_named(field: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    evidence.refused(evidence.deny(**ELSEWHERE[field]))
    step, sentence = failure(check(evidence), 3)
    assert step is Step.DISPLAY
    assert field in sentence


@pytest.mark.parametrize("field", ELSEWHERE)
def test_a_call_that_ran_with_an_approval_over_something_else_is_refused(field: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested()
    approval = evidence.approve(**ELSEWHERE[field])
    evidence.granted(approval)
    evidence.restarted(approval)
    step, sentence = failure(check(evidence), 4)
    assert step is Step.DISPLAY
    assert field in sentence


@pytest.mark.parametrize("version", ["", "incident-response@2"])
def test_a_request_under_another_policy_version_than_the_warrants_is_refused(version: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.requested(policy_version=version)
    step, sentence = failure(check(evidence), 2)
    assert step is Step.DISPLAY
    assert "incident-response@1" in sentence


def test_a_warrant_that_was_minted_without_a_policy_verifies() -> None:
    assert check(denied_story(terms=Terms())).verified


BAD_FORMS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "not CBOR": ("cannot be read", lambda: b"\xff"),
    "other fields": ("fields", lambda: cbor.encode({"version": 1})),
    "other people": ("number of people", lambda: replace(SHOWN, threshold=2).to_bytes()),
}


@pytest.mark.parametrize("form", BAD_FORMS)
def test_what_was_shown_must_have_its_form_even_if_its_digest_fits(form: str) -> None:
    words, made = BAD_FORMS[form]
    evidence = Evidence()
    evidence.minted()
    evidence.requested(display_digest=digest_of(made()))
    salt, _ = evidence.attachments[1]["display"] or (b"", b"")
    evidence.attachments[1]["display"] = (salt, made())
    step, sentence = failure(check(evidence), 2)
    assert step is Step.DISPLAY
    assert words in sentence
