"""The demos that end by themselves, as ``make demo-auto``, ``demo-injection`` and ``demo-mcp`` run them."""

from __future__ import annotations

import itertools
import os
import re
import signal
import sqlite3
import tempfile
from pathlib import Path

import pytest

from tests.audit.alone import verify_alone
from tests.softhsm import PIN, TOKEN
from tests.workers.processes import Installation, lines_until, stop

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    return Installation(tmp_path_factory.mktemp("demo"))


def test_an_approved_restart_runs_and_its_receipts_verify(installation):
    code, output = installation.run("demo", "--auto", "--incident", "P2001", timeout=200)
    assert code == 0, output
    told = [line for line in output.splitlines() if line.startswith("[")]
    for earlier, later in itertools.pairwise(_APPROVED):
        assert _place(told, earlier) < _place(told, later), output
    assert re.search(r"approved by the on-call lead \(key [0-9a-f]{4}…, command line\)", output)
    assert "--people-root" in output
    assert "from a people root, as that of local:on-call-lead" in output
    key = installation.directory / "demo-security-administrator.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert installation.processes() == []


def test_an_injected_runbook_is_denied_and_the_rest_goes_through(installation):
    code, output = installation.run("demo", "--injection", "--incident", "P2002", timeout=200)
    assert code == 0, output
    told = [line for line in output.splitlines() if line.startswith("[")]
    for expected in _INJECTED:
        assert _place(told, expected) >= 0, output
    assert not any(re.match(r"\[tool ✓\] (restart_service|delete_database|modify_iam)", line) for line in told)
    assert installation.processes() == []


def test_a_ticket_is_opened_for_the_person_whom_the_agent_works_for(installation):
    code, output = installation.run("demo", "--mcp", "--incident", "P2003", timeout=200)
    assert code == 0, output
    told = [line for line in output.splitlines() if line.startswith("[")]
    for earlier, later in itertools.pairwise(_FOR_A_PERSON):
        assert 0 <= _place(told, earlier) < _place(told, later), output
    assert "for incident-agent, which works for local:service-owner" in output
    assert installation.processes() == []
    secrets = [file.read_bytes() for file in (installation.directory / "other-company").iterdir()]
    assert len(secrets) == 2
    written = [output.encode(), *(file.read_bytes() for file in installation.directory.glob("*.*") if file.is_file())]
    assert not any(secret in place for secret in secrets for place in written)


def test_it_runs_to_its_end_with_an_issuer_whose_key_is_in_a_token(tmp_path, token):
    installation = Installation(
        tmp_path,
        ISSUER_KEEPER="pkcs11",
        ISSUER_PKCS11_KEY="issuer-of-the-demo",
        PKCS11_MODULE=token,
        PKCS11_TOKEN=TOKEN,
        PKCS11_PIN=PIN,
        SOFTHSM2_CONF=os.environ["SOFTHSM2_CONF"],
    )
    code, output = installation.run("demo", "--auto", "--incident", "P2004", timeout=200)
    assert code == 0, output
    told = [line for line in output.splitlines() if line.startswith("[")]
    for earlier, later in itertools.pairwise(_APPROVED):
        assert _place(told, earlier) < _place(told, later), output
    with sqlite3.connect(tmp_path / "countersign.sqlite3") as database:
        issuers = database.execute("SELECT keeper, kept_as, length(wrapped_private_key) FROM warrants_issuerkey")
        assert issuers.fetchall() == [("pkcs11", "issuer-of-the-demo", 0)]
    code, verdict = _verify(tmp_path / "evidence-P2004.jsonl", _root_of(installation))
    assert code == 0, verdict


def test_running_it_again_keeps_the_old_incidents(installation):
    code, output = installation.run("demo", "--auto", timeout=200)
    assert code == 0, output
    code, output = installation.run("export_receipts", "P2001")
    assert code == 0
    assert "approval.granted" in output or output.count("\n") > 10


def test_a_flipped_byte_makes_the_evidence_fail(installation, tmp_path):
    evidence = (installation.directory / "evidence-P2001.jsonl").read_text()
    root = _root_of(installation)
    lines = evidence.splitlines(keepends=True)
    at = len(lines[3]) // 2
    lines[3] = lines[3][:at] + ("A" if lines[3][at] != "A" else "B") + lines[3][at + 1 :]
    tampered = tmp_path / "tampered.jsonl"
    tampered.write_text("".join(lines))
    assert _verify(installation.directory / "evidence-P2001.jsonl", root)[0] == 0
    code, output = _verify(tampered, root)
    assert code != 0
    assert re.search(r"\b4\b", output), output


def test_being_cut_off_is_no_success(installation):
    process = installation.start("demo", "--auto")
    lines_until(process, "enrolled")
    code, output = stop(process, signal.SIGINT)
    assert code == 130, output
    assert installation.processes() == []


_APPROVED = [
    r"\[key\]    enrolled by the on-call lead",
    r"\[key\]    endorsed by the security administrator \(key [0-9a-f]{4}…, command line\)$",
    r"\[tool ✓\] read_logs             ALLOWED$",
    r"\[gate\]   restart_service       approval_gate triggered \(warrant requires a person\)$",
    r"\[hitl\]   awaiting approval     http://localhost:\d+/approvals/\S+$",
    r"\[hitl ✓\] approved by the on-call lead",
    r"\[tool ✓\] restart_service       ALLOWED \(signed approval verified\)$",
    r"\[tool ✓\] post_status           ALLOWED$",
    r"\[done\]",
]
_FOR_A_PERSON = [
    r"\[tool ✓\] read_calendar         ALLOWED$",
    r"\[gate\]   open_ticket           approval_gate triggered \(warrant requires a person\)$",
    r"\[hitl ✓\] approved by the on-call lead",
    r"\[tool ✓\] open_ticket           ALLOWED \(signed approval verified\)$",
    r"\[tool ✓\] post_status           ALLOWED$",
]
_INJECTED = [
    r"\[tool ✗\] delete_database       DENIED \(not in the warrant\)$",
    r"\[tool ✗\] modify_iam            DENIED \(not in the warrant\)$",
    r"\[hitl ✗\] denied by the on-call lead \(key [0-9a-f]{4}…, command line\): .+",
    r"\[tool ✗\] escalate              DENIED",
    r"\[tool ✓\] escalate              ALLOWED$",
    r"\[tool ✓\] post_status           ALLOWED$",
]


def _place(told: list[str], pattern: str) -> int:
    return next((place for place, line in enumerate(told) if re.match(pattern, line)), -1)


def _root_of(installation: Installation) -> str:
    code, output = installation.run("setup")
    assert code == 0, output
    return output.split()[-1]


def _verify(evidence: Path, root: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as empty:
        return verify_alone(Path(empty) / "empty", str(evidence), "--root", root)
