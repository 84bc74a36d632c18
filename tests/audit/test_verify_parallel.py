"""What is said of a bundle does not depend on how many processes looked at it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from audit.statements.entries import entry_hash
from audit.statements.evidence import about_search, record_line
from audit.verify import parallel, verifier
from audit.verify.__main__ import main
from bench.evidence import bundle_of, made
from tests.audit.bundles import MemoryLog, bundled, linked
from tests.audit.evidence import Evidence, edit, public

Lines = list[bytes]
INCIDENTS, OF_EACH = 5, 13


@pytest.fixture(scope="module")
def stories() -> list[Evidence]:
    return made(INCIDENTS)


@pytest.fixture(scope="module")
def whole(stories: list[Evidence]) -> Lines:
    return bundle_of(stories)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "PIECE", OF_EACH)


def _trusted(stories: list[Evidence]) -> dict[str, Any]:
    return {
        "roots": [stories[0].root_hex],
        "people_roots": [public(stories[0].people_root).hex()],
        "checkpoints": [],
        "approval_lifetime": verifier.APPROVAL_LIFETIME_SECONDS,
    }


def _said(verify: Callable[..., verifier.Result], lines: Lines, stories: list[Evidence]) -> dict[str, Any]:
    reports: list[dict[str, Any]] = []
    result = verify(lines, tell=lambda _, report: reports.append(report.as_json()), **_trusted(stories))
    return {**result.as_json(), "lines": reports}


def _in_parallel(lines: Lines, **options: Any) -> verifier.Result:
    return parallel.verify_lines(lines, jobs=2, **options)


def test_a_bundle_in_which_nothing_is_wrong(
    stories: list[Evidence], whole: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _said(verifier.verify_lines, whole, stories)
    here: list[int] = []
    take = verifier.Run.take
    monkeypatch.setattr(
        verifier.Run, "take", lambda run, report, line: (here.append(report.line), take(run, report, line))[1]
    )
    found = _said(_in_parallel, whole, stories)
    assert found == alone
    assert found["verified"]
    assert here == [1, len(whole)], "The chains were checked by other processes, and only there."


def _damaged(line: bytes) -> bytes:
    envelope = bytearray(base64.b64decode(json.loads(line)["entry"]))
    envelope[40] ^= 1
    return edit(line, entry=base64.b64encode(bytes(envelope)).decode())


def _section(number: int) -> slice:
    return slice(1 + number * OF_EACH, 1 + (number + 1) * OF_EACH)


_WRONG: dict[str, Callable[[Lines], Lines]] = {
    "a signature": lambda lines: [*lines[:30], _damaged(lines[30]), *lines[31:]],
    "an unreadable line": lambda lines: [*lines[:30], b"{}\n", *lines[31:]],
    "a line is missing": lambda lines: [*lines[:30], *lines[31:]],
    "an end is missing": lambda lines: [*lines[:13], *lines[14:]],
    "two chains are swapped": lambda lines: [
        *lines[:1], *lines[_section(1)], *lines[_section(0)], *lines[_section(2).start :]
    ],
    "a chain comes twice": lambda lines: [*lines[: _section(1).stop], *lines[_section(1).start :]],
    "a chain is missing": lambda lines: [*lines[: _section(1).start], *lines[_section(2).start :]],
    "the tail is missing": lambda lines: lines[:40],
    "the last line is missing": lambda lines: lines[:-1],
    "a chain after the last line": lambda lines: [*lines, *lines[_section(4)]],
    "two first lines": lambda lines: [*lines[:1], *lines],
    "no first line": lambda lines: lines[1:],
    "nothing but the first line": lambda lines: lines[:1],
}  # fmt: skip


@pytest.mark.parametrize("fault", _WRONG)
def test_a_bundle_in_which_something_is_wrong(fault: str, stories: list[Evidence], whole: Lines) -> None:
    lines = _WRONG[fault](whole)
    alone = _said(verifier.verify_lines, lines, stories)
    assert not alone["verified"]
    assert _said(_in_parallel, lines, stories) == alone


def test_checkpoints_of_two_chains_that_contradict_each_other(stories: list[Evidence]) -> None:
    lines = bundled(about_search({}), [line for story in stories for line in story.lines()])
    alone = _said(verifier.verify_lines, lines, stories)
    assert "Two checkpoints" in json.dumps(alone)
    assert _said(_in_parallel, lines, stories) == alone


def test_a_key_that_was_revoked_before_it_decided(stories: list[Evidence], whole: Lines) -> None:
    ledger, lead = stories[0].ledger, public(stories[0].lead)
    revoked = {"at": stories[0].now * 1000 - 60_000, "kind": "key.revoked", "details": {"key": lead}}
    (envelope, _), *_ = linked("keys", [(revoked, {})], ledger)
    log = MemoryLog(origin="countersign.example/ledger")
    located = log.located(log.append(entry_hash(envelope.statement)), ledger)
    lines = bundled(about_search({}), [*whole[1:-1], record_line(envelope, attachments={}, log=located)])
    alone = _said(verifier.verify_lines, lines, stories)
    assert "with a key that was revoked at" in json.dumps(alone)
    assert _said(_in_parallel, lines, stories) == alone


def test_processes_that_die(stories: list[Evidence], whole: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_settle", lambda *_: os._exit(1))
    assert _said(_in_parallel, whole, stories) == _said(verifier.verify_lines, whole, stories)


def test_the_command_takes_jobs(
    stories: list[Evidence], whole: Lines, tmp_path: Any, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "bundle.jsonl"
    file.write_bytes(b"".join(whole))
    arguments = [str(file), "--root", stories[0].root_hex, "--json"]
    assert main(arguments) == 0
    alone = capfdbinary.readouterr().out
    assert main([*arguments, "--jobs", "2"]) == 0
    assert capfdbinary.readouterr().out == alone
