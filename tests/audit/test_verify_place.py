"""Where calls ran, and what the worker itself refused, as an auditor reads it."""

from __future__ import annotations

import re

import pytest

from audit.verify import calls
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import Evidence, approved_story
from tests.config.source import sources
from workers.gates import approvers, errors


def test_a_call_that_ran_in_another_namespace_than_its_warrants_is_found() -> None:
    evidence = approved_story(namespace="staging")
    report = verify(evidence.file(), roots=[evidence.root_hex])
    failures = [line.failure for line in report.failures if line.failure]
    assert failures[0].step is Step.CALL
    assert "ran in namespace 'default'; its warrant is for an incident elsewhere" in report.as_text()


def test_an_operation_is_taken_in_another_namespace_than_its_warrants() -> None:
    evidence = Evidence(namespace="staging")
    evidence.minted()
    evidence.allowed("nexus:payments:payments:start-payment", {"reference": "INV-1"})
    evidence.completed()
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()


OWN = ["warrant-elsewhere", "approver-barred", "terms-malformed"]


@pytest.mark.parametrize("code", OWN)
def test_a_call_that_only_the_worker_refused_verifies(code: str) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.denied("read_logs", {"service": "payments", "lines": 10}, code=code)
    evidence.completed()
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()
    assert f"refused by the worker itself ({code})" in report.as_text()


def test_an_auditor_knows_every_refusal_of_a_workers_own() -> None:
    """Each code that the gate refuses with on its own account, in the form that receipts have."""
    source = "".join(path.read_text() for path in sources("workers/gates"))
    named = set(re.findall(r'_refused\(\s*\w+,\s*"([A-Z_]+)"', source))
    named |= {approvers.BARRED, approvers.NOT_ENDORSED, approvers.KEY_REVOKED, errors.LAPSED, errors.TERMS_MALFORMED}
    named |= {"APPROVAL_LIFETIME", "APPROVAL_STORE_DOWN"}
    assert {"WARRANT_ELSEWHERE", "APPROVAL_UNBOUND", "APPROVAL_FLOOR"} <= named <= errors.DENIAL_TYPES
    assert {code.lower().replace("_", "-") for code in named} <= calls._OWN_REFUSALS
