"""The evidence vectors: what verifies, and that every tampered file is refused with the entry named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.verify.__main__ import main
from tests.vectors import evidence
from tests.vectors.parts import HERE

ROWS: list[dict[str, Any]] = json.loads(evidence.TABLE.read_text())
BAD = [row for row in ROWS if row["exit"] == 1]


def test_the_vectors_are_those_that_this_code_makes() -> None:
    made = list(evidence.made())
    on_disk = {str(path.relative_to(HERE)): path.read_bytes() for path in HERE.glob("*/evidence/*.jsonl")}
    assert on_disk == {vector.path: vector.data for vector in made}
    assert evidence.TABLE.read_text() == evidence.text_of([evidence.row(vector) for vector in made])


def test_there_are_enough_tampered_files_and_each_says_its_fault() -> None:
    assert len(BAD) >= 25
    assert all(row["fault"] for row in ROWS)
    assert {row["exit"] for row in ROWS if row["file"].startswith("good/")} == {0}
    assert {row["exit"] for row in ROWS if row["file"].startswith("bad/")} == {1}


def test_every_step_refuses_something() -> None:
    assert {failure["step"] for row in BAD for failure in row["failures"]} == set(range(1, 21))


@pytest.mark.parametrize("row", ROWS, ids=[Path(row["file"]).stem for row in ROWS])
def test_the_command_says_what_the_table_says(
    row: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = [argument for root in row["roots"] for argument in ("--root", root)]
    people_roots = [argument for root in row["people_roots"] for argument in ("--people-root", root)]
    kept = []
    for number, text in enumerate(row["checkpoints"]):
        path = tmp_path / f"{number}.txt"
        path.write_text(text, encoding="utf-8")
        kept += ["--checkpoint", str(path)]
    assert main([str(HERE / row["file"]), *roots, *people_roots, *kept]) == row["exit"]
    said = capsys.readouterr().out
    for failure in row["failures"]:
        named = f"✗ line {failure['line']}  {failure['entry']}  step {failure['step']} "
        line = next(line for line in said.splitlines() if line.startswith(named))
        assert line.endswith(failure["sentence"]) or "⟨" in line
    assert ("NOT VERIFIED" in said) == (row["exit"] == 1)
