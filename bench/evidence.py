"""Verifying a bundle of many incidents offline, against Tenuo's verification of the receipts that are in it.

Every incident is the one that the demo tells: a warrant, three calls that read, one that is refused, one that stops at
its gate, people asked, one of them approving, the call, its result, a last call and the end: 7 receipts in 12 entries.
Each is a chain of its own, under a warrant of its own; keys, endorsements and people are the same.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements.entries import entry_hash
from audit.statements.evidence import about_search, entry_line
from audit.verify.verifier import verify_lines
from bench.samples import summary
from tests.audit.bundles import MemoryLog, bundled, ended, linked
from tests.audit.evidence import Evidence, public

TARGET_RATIO = 0.2
KEYS = ("root", "ledger", "receipts", "holder", "lead", "other", "people_root", "administrator")


def verification(incidents: int, rounds: int) -> dict[str, Any]:
    """Verify a bundle of ``incidents`` in one process, beside its receipts by Tenuo alone, ``rounds`` times each.

    Counted is the processor's time, which others on the machine disturb least. ``ratio`` is that of receipts per
    second: 1 would be as fast as Tenuo alone.
    """
    stories = made(incidents)
    lines, receipts = bundle_of(stories), receipts_of(stories)
    trusted = {"roots": [stories[0].root_hex], "people_roots": [public(stories[0].people_root).hex()]}
    ours, floor = [], []
    for _ in range(rounds):
        floor.append(_seconds(partial(_by_tenuo_alone, receipts)))
        ours.append(_seconds(partial(_require_verified, lines, **trusted)))
    return {
        "entries": len(lines) - len(stories) - 2,
        "receipts": len(receipts),
        **_compared(ours, floor, len(receipts), len(lines)),
    }


def verification_by_command(incidents: int, rounds: int, jobs: int) -> dict[str, Any]:
    """The same through the command, with ``jobs`` processes, by the clock; the floor is Tenuo in one process."""
    stories = made(incidents)
    lines, receipts = bundle_of(stories), receipts_of(stories)
    ours, floor = [], []
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        Path(file.name).write_bytes(b"".join(lines))
        command = [sys.executable, "-m", "audit.verify", file.name, "--root", stories[0].root_hex]
        command += ["--people-root", public(stories[0].people_root).hex(), "--jobs", str(jobs)]
        for _ in range(rounds):
            floor.append(_seconds(partial(_by_tenuo_alone, receipts), time.perf_counter))
            run = partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
            ours.append(_seconds(run, time.perf_counter))
    return {"jobs": jobs, **_compared(ours, floor, len(receipts), len(lines))}


def made(incidents: int) -> list[Evidence]:
    """Return ``incidents`` stories, in the order of their chains' names."""
    keys = {name: Ed25519PrivateKey.generate() for name in KEYS}
    now = int(time.time())
    return sorted((_told(Evidence(now=now, **keys)) for _ in range(incidents)), key=lambda story: story.chain)


def bundle_of(stories: list[Evidence]) -> list[bytes]:
    """Return the lines of a bundle that a search for everything would give; one log holds all chains."""
    log, lines = MemoryLog(), []
    for story in stories:
        entries = linked(story.chain, zip(story.statements, story.attachments, strict=True), story.ledger)
        lines += [entry_line(envelope, attachments=salted, match=True) for envelope, salted in entries]
        heads = [entry_hash(envelope.statement) for envelope, _ in entries]
        position = [log.append(head) for head in heads][-1]
        at, size = int(story.statements[-1]["at"]), len(heads)
        located = log.located(position, story.ledger)
        lines.append(ended(story.chain, size=size, head=heads[-1], at=at, key=story.ledger, log=located))
    return bundled(about_search({}), lines)


def receipts_of(stories: list[Evidence]) -> list[bytes]:
    details = [statement["details"] for story in stories for statement in story.statements]
    return [found["receipt"] for found in details if "receipt" in found]


def _told(story: Evidence) -> Evidence:
    story.minted()
    for lines in (50, 100, 500):
        story.allowed("read_logs", {"service": "payment-service-prod", "lines": lines})
    story.denied()
    story.gated()
    story.requested()
    approval = story.approve()
    story.granted(approval)
    story.restarted(approval)
    story.result()
    story.allowed()
    story.completed()
    return story


def _by_tenuo_alone(receipts: list[bytes]) -> None:
    for receipt in receipts:
        tenuo_core.verify_receipt(receipt)


def _require_verified(lines: list[bytes], **trusted: list[str]) -> None:
    result = verify_lines(lines, tell=lambda *_: None, **trusted)
    if not result.verified:
        raise SystemExit(f"The bench's own evidence does not verify: {result.summary()}")


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    began = clock()
    work()
    return clock() - began


def _compared(ours: list[float], floor: list[float], receipts: int, lines: int) -> dict[str, Any]:
    # What disturbs only ever adds: the best of each is what the code costs.
    ratio = min(floor) / min(ours)
    return {
        "ours": summary([seconds / receipts * 1e6 for seconds in ours], "us per receipt"),
        "floor": summary([seconds / receipts * 1e6 for seconds in floor], "us per receipt"),
        "receipts_per_second": round(receipts / min(ours)),
        "lines_per_second": round(lines / min(ours)),
        "ratio": round(ratio, 3),
        "target": TARGET_RATIO,
        "reached": ratio >= TARGET_RATIO,
    }
