"""Write the evidence vectors, genuine and tampered: ``python -m tests.vectors.evidence``.

``good/evidence/NAME.jsonl`` verify, ``bad/evidence/FAULT.jsonl`` do not. ``evidence.json`` says what a verifier must
find: the exit code, every line that fails with its step and sentence, and which steps were taken of each line.
Keys, times, salts and one-time numbers are fixed, so that a run changes nothing unless a format changed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.audit.evidence import public
from tests.vectors.evidence_bad import BAD
from tests.vectors.evidence_bundles import BAD_BUNDLES, GOOD_BUNDLES
from tests.vectors.evidence_good import GOOD, UNCHECKED_IN_JAVASCRIPT
from tests.vectors.parts import HERE

TABLE = HERE / "evidence.json"


@dataclass(frozen=True, slots=True)
class Made:
    """One vector: its path below this folder, its bytes, what is trusted, and what its maker says is wrong."""

    path: str
    data: bytes
    roots: list[str]
    people_roots: list[str]
    checkpoints: list[str]
    fault: str

    def report(self) -> Report:
        checkpoints = [text.encode() for text in self.checkpoints]
        return verify(self.data, roots=self.roots, people_roots=self.people_roots, checkpoints=checkpoints)


def made() -> Iterator[Made]:
    """Make every vector."""
    for kind, makers in (("good", GOOD + GOOD_BUNDLES), ("bad", BAD + BAD_BUNDLES)):
        for make in makers:
            name = make.__name__.replace("_", "-")
            evidence, data, *checkpoints = _fixed(make, name)
            yield Made(
                path=f"{kind}/evidence/{name}.jsonl",
                data=data,
                roots=[evidence.trusted_root_hex],
                people_roots=[public(evidence.people_root).hex()],
                checkpoints=checkpoints,
                fault=(make.__doc__ or "").strip(),
            )


def _fixed(make: Callable[[], Any], name: str) -> Any:
    """Make a vector with numbers that only its name decides."""
    chance = random.Random(name)
    with patch("secrets.token_bytes", chance.randbytes):
        return make()


def row(vector: Made) -> dict[str, Any]:
    """Return what a verifier must find in ``vector``."""
    report = vector.report()
    name = vector.path.rsplit("/", 1)[1].removesuffix(".jsonl")
    return {
        "file": vector.path,
        "fault": vector.fault,
        "roots": vector.roots,
        "people_roots": vector.people_roots,
        "checkpoints": vector.checkpoints,
        "exit": 0 if report.verified else 1,
        "state": report.state,
        "failures": [
            {"line": line.line, "entry": line.entry, "step": line.failure.step.value, "sentence": str(line.failure)}
            for line in report.lines
            if line.failure is not None
        ],
        "steps": [[check.step.value for check in line.checks] for line in report.lines],
        **({"unchecked_in_javascript": True} if name in UNCHECKED_IN_JAVASCRIPT else {}),
    }


def text_of(rows: list[dict[str, Any]]) -> str:
    """Return the table: one vector a line."""
    lines = ",\n".join(json.dumps(item, ensure_ascii=True, sort_keys=True) for item in rows)
    return f"[\n{lines}\n]\n"


def main() -> None:
    vectors = list(made())
    for folder in ("good/evidence", "bad/evidence"):
        (HERE / folder).mkdir(parents=True, exist_ok=True)
        for old in (HERE / folder).glob("*.jsonl"):
            old.unlink()
    for vector in vectors:
        (HERE / vector.path).write_bytes(vector.data)
    TABLE.write_text(text_of([row(vector) for vector in vectors]))


if __name__ == "__main__":
    main()
