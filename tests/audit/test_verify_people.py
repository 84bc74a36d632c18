"""Whose keys signed, years later, with nothing but the two roots."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.key_endorsements import EndorsedRole
from audit.verify.reading import UnusableInput
from audit.verify.report import Report
from audit.verify.steps import Step
from audit.verify.verifier import verify
from tests.audit.evidence import ADMINISTRATOR, LEAD, OTHER_LEAD, Evidence, public

BASE = Path(__file__).resolve().parents[2]


def judged(evidence: Evidence, *, people_root: Ed25519PrivateKey | None = None) -> Report:
    root = public(people_root or evidence.people_root).hex()
    return verify(evidence.file(), roots=[evidence.root_hex], people_roots=[root])


def told(evidence: Evidence, *, threshold: int = 1) -> Evidence:
    """Return the story of a call that ``threshold`` people approved, with ``evidence.key_endorsements``."""
    evidence.minted()
    evidence.requested()
    given = [evidence.approve(), evidence.approve(key=evidence.other)][:threshold]
    for approval in given:
        evidence.granted(approval)
    evidence.restarted(*given)
    evidence.completed()
    return evidence


def fails_at(report: Report) -> set[Step]:
    return {line.failure.step for line in report.failures if line.failure}


def test_an_endorsed_key_is_named_with_its_person() -> None:
    report = judged(told(Evidence()))
    assert report.verified, report.as_text()
    assert f"as that of {LEAD}" in report.as_text()
    assert not any("--people-root" in note for note in report.notes)


def test_without_a_people_root_the_report_says_what_was_not_checked() -> None:
    evidence = told(Evidence())
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified
    assert any("--people-root" in note for note in report.notes)


def test_two_people_whose_keys_are_endorsed_are_two() -> None:
    assert judged(told(Evidence(threshold=2), threshold=2)).verified


def test_another_people_root_stands_behind_nobody() -> None:
    assert fails_at(judged(told(Evidence()), people_root=Ed25519PrivateKey.generate())) == {Step.PEOPLE}


@pytest.mark.parametrize("fault", ["none", "stranger", "role", "person", "later", "flipped", "not a list"])
def test_a_key_that_nobody_endorsed_before_it_signed_does_not_verify(fault: str) -> None:
    evidence = Evidence()
    above = evidence.key_endorsements[0]
    administrator, lead = evidence.administrator, evidence.lead
    evidence.key_endorsements = {
        "none": [],
        "stranger": [above, evidence.endorse(Ed25519PrivateKey.generate(), lead, LEAD)],
        "role": [above, evidence.endorse(administrator, lead, LEAD, EndorsedRole.SECURITY_ADMINISTRATOR)],
        "person": [above, evidence.endorse(administrator, lead, OTHER_LEAD)],
        "later": [above, evidence.endorse(administrator, lead, LEAD, later=7200)],
        "flipped": [above, evidence.endorse(administrator, lead, LEAD).replace(b"local:lead", b"local:bead")],
        "not a list": b"endorsed",
    }[fault]  # type: ignore[assignment]
    if fault == "not a list":
        evidence.minted()
        evidence.requested()
        evidence.granted(evidence.approve(), key_endorsements=b"endorsed")
    else:
        told(evidence)
    assert Step.PEOPLE in fails_at(judged(evidence))


def test_two_keys_of_one_person_are_one_person() -> None:
    evidence = Evidence(threshold=2)
    evidence.key_endorsements[2] = evidence.endorse(evidence.administrator, evidence.other, LEAD)
    assert fails_at(judged(told(evidence, threshold=2))) == {Step.PEOPLE}


def test_an_administrator_who_endorsed_a_key_of_their_own_stands_behind_nobody() -> None:
    evidence = Evidence()
    evidence.key_endorsements[1] = evidence.endorse(evidence.administrator, evidence.lead, ADMINISTRATOR)
    assert fails_at(judged(told(evidence))) == {Step.PEOPLE}


@pytest.mark.parametrize("root", ["", "ab", "zz" * 32, "ab" * 33])
def test_a_people_root_that_is_no_key_is_refused(root: str) -> None:
    evidence = told(Evidence())
    with pytest.raises(UnusableInput):
        verify(evidence.file(), roots=[evidence.root_hex], people_roots=[root])


def test_the_command_checks_people_where_it_is_told_to(tmp_path: Path) -> None:
    evidence = told(Evidence())
    file = tmp_path / "evidence.jsonl"
    file.write_bytes(evidence.file())
    command = [sys.executable, "-m", "audit.verify", str(file), "--root", evidence.root_hex]
    other = public(Ed25519PrivateKey.generate()).hex()
    for root, code in ((public(evidence.people_root).hex(), 0), (other, 1), ("ab", 2)):
        done = subprocess.run([*command, "--people-root", root], cwd=BASE, capture_output=True, check=False)
        assert done.returncode == code, done.stdout
