"""Genuine evidence verifies, from a root key alone."""

from __future__ import annotations

import gc
import itertools
import json
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import cbor
from audit.statements.evidence import about_search
from audit.statements.kinds import EntryKind
from audit.verify.__main__ import FAILED, UNUSABLE, VERIFIED, main
from audit.verify.reading import UnusableInput
from audit.verify.steps import Step
from audit.verify.verifier import verify, verify_lines
from tests.audit.alone import verify_alone
from tests.audit.bundles import MemoryLog, bundled
from tests.audit.evidence import RESTART, Evidence, approved_story, denied_story, public
from tests.vectors.evidence_story import Story

BASE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("story", [approved_story, denied_story])
def test_a_genuine_story_verifies_line_by_line(story: type[Evidence]) -> None:
    evidence = story()
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()
    assert report.state == "completed"
    assert len(report.lines) == len(evidence.lines()) + 2
    for line in report.lines:
        assert line.checks
        assert line.as_text().startswith(f"✓ line {line.line}")


def test_every_kind_of_step_is_taken_in_the_approved_story() -> None:
    evidence = approved_story()
    report = verify(evidence.file(), roots=[evidence.root_hex], people_roots=[public(evidence.people_root).hex()])
    assert {check.step for line in report.lines for check in line.checks} == set(Step) - {Step.EARLIER, Step.RECORDS}


def test_one_trusted_root_among_several_is_enough() -> None:
    evidence = approved_story()
    another = public(Ed25519PrivateKey.generate()).hex()
    assert verify(evidence.file(), roots=[another, evidence.root_hex]).verified


def test_two_people_approve_where_the_warrant_asks_for_two() -> None:
    evidence = Evidence(threshold=2)
    evidence.minted()
    evidence.requested()
    given = [evidence.approve(), evidence.approve(key=evidence.other)]
    for approval in given:
        evidence.granted(approval)
    evidence.restarted(*given)
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()


def test_a_gate_that_stops_a_second_time_verifies() -> None:
    evidence = Evidence(threshold=2)
    evidence.minted()
    evidence.requested()
    approval = evidence.approve()
    evidence.granted(approval)
    details = evidence.call_details(
        "restart_service",
        RESTART,
        verdict="gated",
        approvals=(approval,),
        code="insufficient-approvals",
        request_id="request-1",
    )
    evidence.add(EntryKind.CALL_GATED, details, {"arguments": cbor.encode(RESTART)})
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()


def test_an_exempt_call_needs_nobody() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.allowed("restart_service", {**RESTART, "environment": "staging"})
    assert verify(evidence.file(), roots=[evidence.root_hex]).verified


def test_a_refusal_by_the_gate_itself_verifies() -> None:
    evidence = approved_story()
    approval = evidence.statements[5]["details"]["approval"]
    evidence.denied("restart_service", RESTART, approvals=(approval,), request_id="request-1", code="approval-replayed")
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()
    assert "refused by the worker itself (approval-replayed)" in report.as_text()


def test_silence_and_withdrawal_verify() -> None:
    evidence = Evidence()
    evidence.minted()
    for request_id in ("request-1", "request-2"):
        evidence.requested(request_id)
    expired = {"request_id": "request-1", "expires_at": evidence.now + 3600}
    evidence.add(EntryKind.APPROVAL_EXPIRED, expired, at=evidence.now + 3600)
    evidence.add(EntryKind.APPROVAL_WITHDRAWN, {"request_id": "request-2", "reason": "no longer needed"})
    evidence.completed()
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified, report.as_text()


def test_an_incident_that_goes_on_is_reported_as_open() -> None:
    evidence = Evidence()
    evidence.minted()
    report = verify(evidence.file(), roots=[evidence.root_hex])
    assert report.verified
    assert report.state == "open"
    assert any("open when the file was written" in note for note in report.notes)


def test_an_erased_attachment_is_said_and_the_rest_still_verifies() -> None:
    evidence = approved_story()
    lines = evidence.lines()
    stored = json.loads(lines[6])
    stored["attachments"]["arguments"] = None
    lines[6] = (json.dumps(stored, sort_keys=True, separators=(",", ":")) + "\n").encode()
    report = verify(evidence.file(lines), roots=[evidence.root_hex])
    assert report.verified, report.as_text()
    assert any(note.startswith("Line 8: erased") for note in report.notes)
    assert "not decided again" in report.lines[7].as_text()


def test_the_longest_sane_life_of_a_signature_can_be_given() -> None:
    evidence = approved_story()
    assert not verify(evidence.file(), roots=[evidence.root_hex], approval_lifetime=60).verified


@pytest.mark.parametrize("root", ["", "zz", "00", "a" * 63])
def test_a_root_that_is_no_key_cannot_be_used(root: str) -> None:
    with pytest.raises(UnusableInput):
        verify(approved_story().file(), roots=[root])


@pytest.mark.parametrize("data", [b"", b"\n", b"hello\n", b"\x00\xff" * 100, b"{}\n"])
def test_what_is_no_evidence_file_cannot_be_used(data: bytes) -> None:
    with pytest.raises(UnusableInput):
        verify(data, roots=[approved_story().root_hex])


def test_a_report_shows_what_an_agent_wrote_but_does_not_obey_it() -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.denied("wipe\x1b[2J\u202e\n✓ line 9")
    text = verify(evidence.file(), roots=[evidence.root_hex]).as_text()
    assert "wipe⟨U+001B⟩[2J⟨U+202E⟩⟨U+000A⟩" in text
    assert not any(line.startswith("✓ line 9") for line in text.splitlines())


def test_the_command_exits_with_0_1_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = approved_story()
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(evidence.file())
    assert main([str(path), "--root", evidence.root_hex]) == VERIFIED
    assert "VERIFIED: 12 lines" in capsys.readouterr().out
    changed = bytearray(evidence.file())
    changed[len(evidence.lines()[0]) + 500] ^= 1
    path.write_bytes(changed)
    assert main([str(path), "--root", evidence.root_hex]) == FAILED
    assert "✗ line 3 " in capsys.readouterr().out
    assert main([str(tmp_path / "missing"), "--root", evidence.root_hex]) == UNUSABLE
    assert "cannot be read" in capsys.readouterr().err
    assert main([str(path)]) == UNUSABLE
    assert "--root" in capsys.readouterr().err


def test_the_command_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = denied_story()
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(evidence.file(evidence.lines()[:-1]))
    assert main([str(path), "--root", evidence.root_hex, "--json"]) == FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["verified"] is False
    assert [line["failure"]["step"] for line in report["lines"] if line["failure"]] == [13]


def test_verification_runs_alone_without_django_or_network(tmp_path: Path) -> None:
    evidence = approved_story()
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(evidence.file())
    code, said = verify_alone(tmp_path / "empty", str(path), "--root", evidence.root_hex)
    assert code == VERIFIED, said
    assert "VERIFIED: 12 lines" in said


def test_the_summary_says_what_happened_by_chain_and_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = Evidence()
    evidence.minted()
    evidence.denied("wipe\u202e")
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(evidence.file())
    assert main([str(path), "--root", evidence.root_hex, "--summary"]) == VERIFIED
    chain, minted, denied, *_, result = capsys.readouterr().out.splitlines()
    assert chain == f"{evidence.chain}:"
    assert minted.startswith("  20")
    assert minted.endswith("Z  warrant.minted")
    assert denied.endswith("  call.denied  wipe⟨U+202E⟩")
    assert result.startswith("VERIFIED")


def test_a_checkpoint_that_is_none_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evidence = approved_story()
    path, kept = tmp_path / "evidence.jsonl", tmp_path / "kept.txt"
    path.write_bytes(evidence.file())
    command = [str(path), "--root", evidence.root_hex, "--checkpoint", str(kept)]
    assert main(command) == UNUSABLE
    assert "kept.txt cannot be read" in capsys.readouterr().err
    for nonsense in (b"", b"nothing\n", b"\xff", b"x" * 200_000):
        kept.write_bytes(nonsense)
        assert main(command) == UNUSABLE
        assert "as a checkpoint is none" in capsys.readouterr().err


def test_a_bundle_of_many_incidents_is_verified_in_flat_memory() -> None:
    """Of an incident that is done with, a few hashes are kept."""
    log, sections = MemoryLog(), []
    for number in range(1, 61):
        story = Story(number=number)
        story.minted()
        for _ in range(3):
            story.allowed()
        sections.append(story.lines(log=log))

    def peak(number: int) -> int:
        lines = bundled(about_search({"all": "of them"}), itertools.chain(*sections[:number]))
        gc.collect()
        tracemalloc.start()
        result = verify_lines(iter(lines), tell=lambda result, report: None, roots=[story.root_hex])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result.verified, result.summary()
        return most

    peak(1)
    few, many = peak(10), peak(60)
    assert (many - few) / (50 * 4) < 2000, (few, many)
