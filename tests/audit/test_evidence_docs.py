"""The commands of ``docs/evidence.md`` do what it says, on a file that is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from audit.statements import statements
from audit.statements.entries import entry_hash
from tests.audit.evidence import envelope_of
from tests.vectors.parts import HERE

BUNDLE = HERE / "good" / "evidence" / "approved.jsonl"
DOCUMENT = HERE.parents[1] / "docs" / "evidence.md"


def test_a_bundle_is_checked_by_hand_with_the_documented_commands(tmp_path: Path) -> None:
    section = DOCUMENT.read_text(encoding="utf-8").split("## Checking a bundle by hand")[1]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "bundle.jsonl").write_bytes(BUNDLE.read_bytes())
    entry, attachment, end = (_run(block, tmp_path) for block in blocks)
    envelope = envelope_of(BUNDLE.read_bytes().splitlines()[2])
    statement = statements.parse(envelope)
    assert entry[0].split() == [entry_hash(statement.statement).hex(), "message"]
    assert entry[1] == "Signature Verified Successfully"
    assert bytes.fromhex(attachment[0]) in statement.facts["attachments"].values()
    assert end[0] == "Signature Verified Successfully"
    assert end[1] == end[2]
    assert len(bytes.fromhex(end[1])) == 32


def _run(block: str, directory: Path) -> list[str]:
    command = ["bash", "-e", "-c", block]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
