"""Warrants that an agent handed on are told once, before the first call with them, and both verifiers check them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from audit.access import Everywhere
from audit.export.services import bundle_of
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.ledger.queries import details_of, tree
from audit.models import LedgerEntry
from audit.receipts import services as receipts
from audit.receipts.handed_on import record_handed_on
from audit.statements.attenuating import attenuation_of
from audit.statements.kinds import EntryKind
from audit.verify.verifier import verify
from audit.verify.warrants import parse
from tests.audit.evidence import READ, public
from tests.audit.test_export import on_file
from tests.audit.test_verifiers_agree import NODE, ROOT
from tests.vectors.evidence_story import Story, key, told

UP_TO_100 = {"max": 100.0, "max_inclusive": True, "min": None, "min_inclusive": True}


@pytest.fixture(autouse=True)
def forget_keys() -> None:
    """The stories' warrant has the same id in every test."""
    receipts._receipts_keys.cache_clear()


def narrower(payload: dict[int, Any]) -> None:
    payload[3] = {"read_logs": {"constraints": {"lines": [3, UP_TO_100], "service": [16, None]}}}
    payload[10] = {}


def same(payload: dict[int, Any]) -> None:
    """Nothing is lost but a minute."""


def helped(**keys: Any) -> Story:
    """The agent calls, hands a narrower warrant on, and its helper calls twice."""
    story = Story(**keys)
    story.minted()
    story.forged("read_logs", READ)
    story.handed_on(narrower, key(29))
    story.forged("read_logs", READ)
    story.forged("read_logs", READ)
    return story


def stored() -> Story:
    return on_file(
        helped(
            ledger=private_key_of(ensure_service_key(purpose="ledger")),
            receipts=private_key_of(ensure_service_key(purpose="receipts")),
        )
    )


def kinds(chain: str) -> list[str]:
    return list(LedgerEntry.objects.filter(chain=chain).order_by("sequence").values_list("kind", flat=True))


@pytest.mark.django_db
def test_a_child_warrant_is_told_once_before_its_first_call_and_the_file_verifies() -> None:
    story = stored()
    assert kinds(story.chain) == [
        EntryKind.WARRANT_MINTED, EntryKind.CALL_ALLOWED, EntryKind.WARRANT_ATTENUATED, EntryKind.CALL_ALLOWED,
        EntryKind.CALL_ALLOWED,
    ]  # fmt: skip
    details = details_of(LedgerEntry.objects.get(kind=EntryKind.WARRANT_ATTENUATED))
    assert details["warrant_chain"] == story.warrant_chain
    assert (details["parent"], details["warrant"]) == (story.chain, story.warrant.id)
    assert details["holder"] == public(key(29))
    assert details["tools_narrowed"] == ["read_logs"]
    assert "restart_service" in details["tools_removed"]
    assert details["ends_earlier_seconds"] == 60
    report = verify(b"".join(bundle_of(story.chain).lines()), roots=[story.trusted_root_hex])
    assert report.verified, report.as_text()
    assert "handed on by" in report.as_text()


@pytest.mark.django_db
def test_the_tree_says_who_got_what_from_whom() -> None:
    story = stored()
    line = tree(story.chain, within=Everywhere(), content=None).lines[2]
    assert line.title == "warrant-attenuated"
    assert "narrower: read_logs" in line.detail
    proof = {fact.label: fact.value for fact in line.proof}
    assert proof["Handed on by"] == story.chain
    assert proof["Warrant"] == story.warrant.id
    assert proof["Holder"] == public(key(29)).hex()
    assert proof["Lost"].startswith("1 minute of its lifetime")


@pytest.mark.django_db
def test_a_warrant_two_steps_down_is_told_with_the_one_between() -> None:
    story = Story(
        ledger=private_key_of(ensure_service_key(purpose="ledger")),
        receipts=private_key_of(ensure_service_key(purpose="receipts")),
    )
    story.minted()
    story.handed_on(narrower, key(29))
    story.number += 1
    story.handed_on(same, key(30))
    story.forged("read_logs", READ)
    on_file(story)
    found = [details_of(entry) for entry in LedgerEntry.objects.filter(kind=EntryKind.WARRANT_ATTENUATED)]
    assert [details["parent"] for details in found] == [story.chain, found[0]["warrant"]]
    assert (found[1]["tools_removed"], found[1]["tools_narrowed"]) == ([], [])
    report = verify(b"".join(bundle_of(story.chain).lines()), roots=[story.trusted_root_hex])
    assert report.verified, report.as_text()


@pytest.mark.django_db
def test_nothing_is_told_of_a_warrant_that_does_not_verify() -> None:
    """A refused call may come with a child that its parent's holder never signed."""
    story = stored()
    forger = Story(holder=key(31))
    forger.minted()
    forger.handed_on(narrower, key(30))
    before = kinds(story.chain)
    with transaction.atomic():
        record_handed_on(story.chain, [story.warrant_chain[0], forger.warrant_chain[1]])
        record_handed_on(story.chain, forger.warrant_chain)
        record_handed_on(story.chain, [story.warrant_chain[0], b"no warrant"])
    assert kinds(story.chain) == before


# --- What both verifiers make of it -------------------------------------------------------------


def with_entry(**changes: Any) -> tuple[Story, bytes]:
    story = Story()
    story.minted()
    story.handed_on(narrower, key(29))
    details = attenuation_of(parse(story.warrant_chain))
    story.add(EntryKind.WARRANT_ATTENUATED, {**details, **changes})
    story.forged("read_logs", READ)
    return told(story)


LIES: list[dict[str, Any]] = [
    {},
    {"parent": "tnu_wrt_" + "0" * 32},
    {"warrant": "tnu_wrt_" + "0" * 32},
    {"holder": bytes(32)},
    {"holder": None},
    {"tools_removed": []},
    {"tools_removed": ["restart_service", "restart_service"]},
    {"tools_narrowed": []},
    {"tools_narrowed": "read_logs"},
    {"expires_at": 7},
    {"expires_at": 7.0},
    {"ends_earlier_seconds": 0},
    {"ends_earlier_seconds": True},
    {"warrant_chain": []},
    {"warrant_chain": "root alone"},
    {"warrant_chain": "another child"},
]


def test_both_verifiers_refuse_an_entry_that_says_something_else_of_the_warrant(tmp_path: Path) -> None:
    asked, said = [], []
    for number, lie in enumerate(LIES):
        root = with_entry()[0].warrant_chain[0]
        changes = dict(lie)
        if lie.get("warrant_chain") == "root alone":
            changes["warrant_chain"] = [root]
        if lie.get("warrant_chain") == "another child":
            stranger = Story(holder=key(31))
            stranger.handed_on(narrower, key(29))
            changes["warrant_chain"] = [root, stranger.warrant_chain[1]]
        story, data = with_entry(**changes)
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(data)
        report = verify(data, roots=[story.trusted_root_hex])
        said.append([(line.line, line.failure.step if line.failure else 0) for line in report.failures])
        asked.append({"path": str(path), "roots": [story.trusted_root_hex], "people_roots": []})
    assert said == [[]] + [[(3, 6)]] * (len(LIES) - 1)
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    command = [str(NODE), str(ROOT / "tests" / "js" / "verdicts.js"), str(tmp_path / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [one["failures"] for one in json.loads(done.stdout)] == [[]] + [[[3, 6]]] * (len(LIES) - 1)
