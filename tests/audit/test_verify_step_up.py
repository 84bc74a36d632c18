"""What an evidence file says of the second factor before an approval, and when it does not hold."""

from __future__ import annotations

import time
from typing import Any

import pytest

from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.audit.evidence import Evidence, denied_story

ASKED = {"step_up_seconds": 300}


def story(asked: dict[str, Any], given: dict[str, Any]) -> tuple[Evidence, Report]:
    """Return the incident, whose request and decision say this, and what verification finds."""
    evidence = Evidence()
    evidence.minted()
    evidence.gated()
    evidence.requested(**asked)
    approval = evidence.approve()
    if "age" in given:
        at = int(time.time()) - given["age"]
        given = {"step_up": {"method": given["method"], "at": at}}
    evidence.granted(approval, **given)
    evidence.restarted(approval)
    evidence.result()
    evidence.completed()
    return evidence, verify(evidence.file(), roots=[evidence.root_hex])


def factor(age: int, method: Any = "passkey") -> dict[str, Any]:
    """A second factor that will be ``age`` seconds old when the decision is recorded."""
    return {"age": age, "method": method}


@pytest.mark.parametrize(("method", "words"), [("passkey", "a passkey"), ("sso", "their provider")])
def test_a_decision_that_was_confirmed_verifies_and_says_so(method: str, words: str) -> None:
    _, report = story(ASKED, factor(60, method))
    assert report.verified, report.as_text()
    assert f"confirmed with {words}" in report.as_text()
    assert "as the service recorded" in report.as_text()


def test_a_decision_without_a_policy_that_asks_verifies_as_ever() -> None:
    _, report = story({}, {})
    assert report.verified
    assert "confirmed" not in report.as_text()


@pytest.mark.parametrize(
    ("asked", "given", "sentence"),
    [
        (ASKED, {}, "asked for a fresh second factor"),
        (ASKED, factor(400), "at most 300 were asked for"),
        (ASKED, factor(-100), "seconds old"),
        ({}, factor(4000), "at most 3600"),
        (ASKED, factor(1, "recovery code"), "is not known"),
        (ASKED, factor(1, b"passkey"), "'method' is missing or is not text"),
        (ASKED, {"step_up": {"method": "passkey"}}, "'at' is missing"),
        (ASKED, {"step_up": "passkey"}, "'step_up' is missing or is not a map"),
        ({"step_up_seconds": "300"}, factor(1), "'step_up_seconds' is missing or is not a whole number"),
    ],
)
def test_what_does_not_hold_is_refused(asked: dict[str, Any], given: dict[str, Any], sentence: str) -> None:
    _, report = story(asked, given)
    assert not report.verified
    assert sentence in report.as_text()


def test_a_denial_needs_none() -> None:
    evidence = denied_story()
    assert verify(evidence.file(), roots=[evidence.root_hex]).verified
