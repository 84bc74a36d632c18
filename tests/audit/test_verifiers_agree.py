"""Both verifiers say the same of files that a server with every key of its own could make, and nobody thought of."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from audit.statements.evidence import json_line
from audit.verify.reading import UnusableInput
from audit.verify.verifier import verify
from tests.audit.evidence import public
from tests.vectors.evidence import TABLE
from tests.vectors.evidence_good import approved, constraints_of_many_kinds, handed_on_to_a_helper
from tests.vectors.evidence_good import taken_back_and_given_anew as taken_back
from tests.vectors.evidence_story import Story
from tests.vectors.parts import HERE

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / ".venv" / "nodejs" / "bin" / "node"
STORIES: list[Callable[[], tuple[Story, bytes]]] = [
    approved,
    taken_back,
    handed_on_to_a_helper,
    constraints_of_many_kinds,
]
NONSENSE: list[Any] = [None, 7, "text", [1], {"a": 1}, b"\xff", 2**40, []]
FILES = 120


def damaged(value: Any, chance: random.Random) -> Any:
    """Return ``value`` with a bit flipped, a little more or less, or something else altogether."""
    if isinstance(value, bytes) and value and chance.random() < 0.7:
        changed = bytearray(value)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)
    if isinstance(value, list) and value and chance.random() < 0.7:
        return [damaged(value[0], chance), *value[1:]]
    if isinstance(value, int) and chance.random() < 0.7:
        return value + chance.choice([-100_000, -31, -1, 1, 31, 100_000])
    return chance.choice(NONSENSE)


def mutated(chance: random.Random) -> Iterator[tuple[Story, bytes]]:
    """Yield files of which one fact is wrong, each signed and linked anew with the service's own keys."""
    stories = [make()[0] for make in STORIES]
    for _ in range(FILES):
        story = chance.choice(stories)
        statement = chance.choice(story.statements)
        details = statement["details"]
        name = chance.choice(sorted(details))
        statement["details"] = {**details, name: damaged(details[name], chance)}
        yield story, story.file()
        statement["details"] = details


def changed(lines: list[bytes], chance: random.Random) -> list[bytes]:
    """Return ``lines`` with one of them dropped, doubled, moved, cut or changed, in the proper form."""
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(8):
        case 0:
            return lines[:at] + lines[at + 1 :]
        case 1:
            return [*lines[:at], lines[at], *lines[at:]]
        case 2:
            rest = lines[:at] + lines[at + 1 :]
            return [*rest[:other], lines[at], *rest[other:]]
        case 3:
            return [*lines[:at], lines[at][: chance.randrange(len(lines[at]))]]
        case _:
            value = json.loads(lines[at])
            return [*lines[:at], json_line(altered(value, chance)), *lines[at + 1 :]]


def altered(value: Any, chance: random.Random) -> Any:
    """Return a JSON value of which one part is another."""
    if isinstance(value, dict) and value:
        name = chance.choice(sorted(value))
        return {**value, name: altered(value[name], chance)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], altered(value[at], chance), *value[at + 1 :]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 2**53])
    if isinstance(value, str) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice("AQ09az+= \n\u00e9") + value[at + 1 :]
    return chance.choice([None, -1, 1.5, "", [], {}, False])


def files_of_vectors(chance: random.Random) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield changed copies of the genuine vectors, each with what its vector is verified with."""
    rows = [row for row in json.loads(TABLE.read_text()) if row["exit"] == 0 and "unchecked_in_javascript" not in row]
    for _ in range(FILES):
        row = chance.choice(rows)
        lines = (HERE / row["file"]).read_bytes().splitlines(keepends=True)
        yield row, b"".join(changed(lines, chance))


def files_of_stories(chance: random.Random) -> Iterator[tuple[dict[str, Any], bytes]]:
    with patch("secrets.token_bytes", chance.randbytes):
        for story, data in mutated(chance):
            yield {"roots": [story.trusted_root_hex], "people_roots": [public(story.people_root).hex()]}, data


@pytest.mark.parametrize("files", [files_of_stories, files_of_vectors])
def test_python_and_javascript_agree_on_files_with_one_wrong_thing(
    files: Callable[[random.Random], Iterator[tuple[dict[str, Any], bytes]]], tmp_path: Path
) -> None:
    asked, said = [], []
    for number, (row, data) in enumerate(files(random.Random(41))):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(data)
        given = {name: row.get(name, []) for name in ("roots", "people_roots", "checkpoints")}
        try:
            report = verify(data, **{**given, "checkpoints": [text.encode() for text in given["checkpoints"]]})
        except UnusableInput:
            continue
        asked.append({"path": str(path), **given})
        said.append((report.verified, [[line.line, line.failure.step] for line in report.failures if line.failure]))
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    command = [str(NODE), str(ROOT / "tests" / "js" / "verdicts.js"), str(tmp_path / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for (verified, failures), one, of in zip(said, found, asked, strict=True):
        assert one["verified"] == verified, of["path"]
        # What one calls wrong the other may be unable to read: never right.
        assert one["failures"] == failures or (one["unchecked"] and not verified), (
            of["path"],
            one["failures"],
            failures,
        )
    assert {verified for verified, _ in said} >= {False}
