"""Both verifiers say the same of files that a server with every key of its own could make, and nobody thought of."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from audit.verify.verifier import verify
from tests.audit.evidence import public
from tests.vectors.evidence_good import approved, constraints_of_many_kinds, handed_on_to_a_helper
from tests.vectors.evidence_good import taken_back_and_given_anew as taken_back
from tests.vectors.evidence_story import Story

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / ".venv" / "nodejs" / "bin" / "node"
STORIES: list[Callable[[], tuple[Story, bytes]]] = [
    approved,
    taken_back,
    handed_on_to_a_helper,
    constraints_of_many_kinds,
]
NONSENSE: list[Any] = [None, 7, "text", [1], {"a": 1}, b"\xff", 2**40, []]
FILES = 160


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


def test_python_and_javascript_agree_on_files_with_one_wrong_fact(tmp_path: Path) -> None:
    chance = random.Random(41)
    asked, said = [], []
    with patch("secrets.token_bytes", chance.randbytes):
        for number, (story, data) in enumerate(mutated(chance)):
            path = tmp_path / f"{number}.jsonl"
            path.write_bytes(data)
            roots, people_roots = [story.trusted_root_hex], [public(story.people_root).hex()]
            report = verify(data, roots=roots, people_roots=people_roots)
            asked.append({"path": str(path), "roots": roots, "people_roots": people_roots})
            said.append((report.verified, [line.line for line in report.failures]))
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    command = [str(NODE), str(ROOT / "tests" / "js" / "verdicts.js"), str(tmp_path / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for (verified, failures), one in zip(said, found, strict=True):
        assert one["verified"] == verified
        # What one calls wrong the other may be unable to read: never right.
        assert one["failures"] == failures or (one["unchecked"] and not verified)
    assert {verified for verified, _ in said} == {True, False}
