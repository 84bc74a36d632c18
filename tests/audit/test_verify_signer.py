"""A warrant that a person handed on with their own key: what both verifiers hold the file to."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audit.statements.attenuating import attenuation_of
from audit.statements.kinds import EntryKind
from audit.statements.terms import Terms
from audit.verify.verifier import verify
from audit.verify.warrants import parse
from tests.audit.evidence import READ, TERMS, public
from tests.audit.test_verifiers_agree import NODE, ROOT
from tests.vectors.evidence_story import Story, key, told

LEA = "local:lea"
AGENT, OTHER = key(29), key(30)
BARRING = replace(TERMS, barred_people=(LEA,))


@dataclass
class Signed(Story):
    """Lea holds the warrant (her key is ``holder``), hands it on to the agent, and the agent calls."""

    terms: Terms = BARRING

    def told(self, first: dict[str, Any], second: dict[str, Any], holder: Any = AGENT) -> bytes:
        """Return the file; ``first`` and ``second`` replace what the entries of minting and of handing on say."""
        hers = self.holder
        above = [*self.key_endorsements[:1], self.endorse(self.administrator, hers, LEA)]
        self.minted()
        self.statements[0]["details"] |= {
            "agent": {"name": "incident-agent", "holder": public(AGENT)},
            "signer": {"key": public(hers), "person": LEA},
            **first,
        }
        self.handed_on(lambda payload: None, holder)
        details = attenuation_of(parse(self.warrant_chain))
        self.add(
            EntryKind.WARRANT_ATTENUATED,
            {**details, "person": LEA, "key": public(hers), "key_endorsements": above, **second},
        )
        self.forged("read_logs", READ)
        return told(self)[1]


def endorsed_as(person: str) -> list[bytes]:
    story = Signed()
    return [*story.key_endorsements[:1], story.endorse(story.administrator, story.holder, person)]


# What each lie is refused at: (line, step).
FILES: list[tuple[bytes, list[tuple[int, int]]]] = [
    (Signed().told({}, {}), []),
    (Signed(terms=TERMS).told({}, {}), [(2, 6)]),  # she could approve under it
    (Signed().told({"signer": {"key": public(OTHER), "person": LEA}}, {}), [(2, 6)]),
    (Signed().told({"signer": {"key": public(Signed().holder), "person": "local:mallory"}}, {}), [(2, 6)]),
    (Signed().told({"signer": {"key": public(Signed().holder)}}, {}), [(2, 6)]),
    (Signed().told({"signer": None}, {}), [(2, 6)]),
    (Signed().told({"agent": {"name": "incident-agent", "holder": public(Signed().holder)}}, {}), [(2, 6)]),
    (Signed().told({"agent": {"name": "incident-agent"}}, {}), [(2, 6)]),
    (Signed().told({}, {}, holder=OTHER), [(3, 6)]),  # to another key than the agent's
    (Signed().told({}, {"person": "local:mallory"}), [(3, 6)]),
    (Signed().told({}, {"person": None}), [(3, 6)]),
    (Signed().told({}, {"key": public(OTHER)}), [(3, 6)]),
    (Signed().told({}, {"key": None}), [(3, 6)]),
    (Signed().told({}, {"key_endorsements": []}), [(3, 14)]),
    (Signed().told({}, {"key_endorsements": endorsed_as("local:mallory")}), [(3, 14)]),
    (Signed().told({}, {"key_endorsements": "x"}), [(3, 14)]),
]


def test_both_verifiers_refuse_what_is_not_so(tmp_path: Path) -> None:
    story = Signed()
    roots, people_roots = [story.trusted_root_hex], [public(story.people_root).hex()]
    asked, said = [], []
    for number, (data, _) in enumerate(FILES):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(data)
        report = verify(data, roots=roots, people_roots=people_roots)
        said.append([(line.line, line.failure.step if line.failure else 0) for line in report.failures])
        asked.append({"path": str(path), "roots": roots, "people_roots": people_roots})
    wanted = [failures for _, failures in FILES]
    assert [found[:1] for found in said] == wanted
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    command = [str(NODE), str(ROOT / "tests" / "js" / "verdicts.js"), str(tmp_path / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [one["failures"] for one in json.loads(done.stdout)] == [[list(pair) for pair in found] for found in said]


def test_the_report_says_who_signed() -> None:
    story = Signed()
    report = verify(FILES[0][0], roots=[story.trusted_root_hex], people_roots=[public(story.people_root).hex()])
    assert report.verified, report.as_text()
    assert f"for incident-agent, handed on by {LEA}, with" in report.as_text()
    assert f"handed on by {LEA} to its agent, and verifies from {story.chain}" in report.as_text()
    assert f"the key is endorsed, from a people root, as that of {LEA}" in report.as_text()
