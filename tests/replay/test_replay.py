"""Old histories replay under today's code: an update of a guarded worker stops no running workflow.

No server is needed. The histories were made by ``python -m tests.replay.record``, which takes less than a minute; a
minute later their warrants have expired, and the tests pass.
"""

from __future__ import annotations

import base64
import getpass
import json
import re
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import tenuo_core
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from approvals.signing import approval
from tests.gates import agents
from tests.gates.people import Keys
from tests.replay.changed import CuriousAgent, LazyAgent
from tests.replay.record import HISTORIES
from tests.replay.stories import HOLDER, WORKFLOWS, plugins_for, recording_keys
from workers.gates import asking, tenuo_internals
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS

NAMES = sorted(path.stem for path in HISTORIES.glob("*.json"))
EXPECTED = {
    "incident-approved", "incident-expired", "injection-denied", "parallel-parent", "parallel-child",
    "continued-first", "continued-second", "cancelled-call", "cancelled-run", "two-approvals", "two-denials", "denied",
    "expired", "reopened-workflow", "reopened-worker",
}  # fmt: skip


def load(name: str) -> WorkflowHistory:
    facts = json.loads((HISTORIES / f"{name}.json").read_text())
    return WorkflowHistory.from_json(facts["workflow_id"], facts["history"])


def plugins(name: str, keys: Keys) -> list[Any]:
    return plugins_for(keys, TOOLS if name.startswith("in") else agents.ACTIVITIES)


async def replay(name: str, using: list[Any], workflows: list[Any] | None = None) -> None:
    """Raise temporalio's error if the history does not replay."""
    # What people sign names the namespace, so a replay needs the one that the run had.
    replayer = Replayer(workflows=workflows or WORKFLOWS, plugins=using, namespace="default")
    await replayer.replay_workflow(load(name))


def test_every_story_has_a_history() -> None:
    assert set(NAMES) == EXPECTED


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_replays_with_rotated_roots_and_holder_keys(name: str) -> None:
    rotated = Keys()
    assert rotated.root != recording_keys().root
    await replay(name, plugins(name, rotated))


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_replays_with_the_keys_it_was_made_with(name: str) -> None:
    await replay(name, plugins(name, recording_keys()))


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_from_before_there_were_people_roots_replays_with_one(name: str) -> None:
    activities = TOOLS if name.startswith("in") else agents.ACTIVITIES
    await replay(name, plugins_for(recording_keys(), activities, people_roots=[b"\x16" * 32]))


@pytest.mark.parametrize("name", NAMES)
def test_the_warrants_and_signatures_of_a_history_have_expired(name: str) -> None:
    """So the replays above show that neither is asked for its age."""
    found = warrants(load(name))
    assert found
    for warrant in found:
        assert datetime.fromisoformat(warrant.expires_at()).timestamp() < time.time()


def test_the_approvals_in_the_histories_are_genuine() -> None:
    """A history whose approvals verify no more would take another path, which no test would notice."""
    counts = {name: len(list(approvals(name))) for name in NAMES}
    assert counts == {
        "incident-approved": 1, "incident-expired": 0, "injection-denied": 0, "parallel-parent": 2,
        "parallel-child": 1, "continued-first": 1, "continued-second": 1, "cancelled-call": 0, "cancelled-run": 0,
        "two-approvals": 2, "two-denials": 0, "denied": 0, "expired": 0, "reopened-workflow": 2, "reopened-worker": 2,
    }  # fmt: skip
    for name in NAMES:
        for signed in approvals(name):
            signed.verify()


# --- These show that the tests above can fail -----------------------------------------------


@pytest.mark.parametrize("changed", [CuriousAgent, LazyAgent])
@pytest.mark.parametrize("name", ["parallel-child", "two-approvals"])
async def test_a_workflow_that_does_something_else_does_not_replay(name: str, changed: Any) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replay(name, plugins(name, Keys()), [changed])


@pytest.mark.parametrize("name", NAMES)
async def test_a_history_does_not_replay_without_the_gate(name: str) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replay(name, plugins(name, Keys())[:1])


async def test_a_gate_that_asks_for_more_than_it_did_does_not_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = asking.Asking._open

    async def twice(self: Any, request: Any) -> None:
        await genuine(self, request)
        await genuine(self, request)

    monkeypatch.setattr(asking.Asking, "_open", twice)
    with pytest.raises(workflow.NondeterminismError):
        await replay("two-approvals", plugins("two-approvals", Keys()))


async def test_a_worker_that_lacks_the_holder_key_does_not_replay() -> None:
    """It cannot sign as the run's agent did, so it must not carry the run on."""
    keys = Keys()
    foreign = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys={f"not-{HOLDER}": bytes(keys.holder.secret_key_bytes())},
        trusted_roots=[keys.root],
        receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x15" * 32, worker="replay"),
        nonces=InMemoryNonceStore(),
    )
    with pytest.raises(Exception, match=r"(?i)nondeterminism"):
        await replay("two-approvals", list(foreign))


# --- What is kept ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_history_tells_nothing_of_the_machine_it_was_made_on(name: str) -> None:
    facts = json.loads((HISTORIES / f"{name}.json").read_text())
    plain = " ".join(texts(facts))
    told = " ".join([plain, *(data.decode(errors="replace") for data in payloads(facts))])
    for private in (socket.gethostname(), getpass.getuser(), Path.home().name, Path.cwd().name):
        assert not re.search(rf"[/@]{re.escape(private)}\b", told)
    assert not re.search(r"\d@\w", plain), "the name of a process"
    assert not re.search(r"\w{3}\.py\b", told), "a stack trace"


def texts(value: Any) -> Iterator[str]:
    """Return what is written plainly in a history's JSON, however deep."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from () if name == "data" else texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def payloads(value: Any) -> Iterator[bytes]:
    """Return what stands in base64 in a history's JSON, however deep."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "data" and isinstance(item, str):
                yield base64.b64decode(item)
            else:
                yield from payloads(item)
    elif isinstance(value, list):
        for item in value:
            yield from payloads(item)


def warrants(history: WorkflowHistory) -> list[tenuo_core.Warrant]:
    headers = history.events[0].workflow_execution_started_event_attributes.header.fields
    return tenuo_internals.warrant_chain(tenuo_internals.plain_headers(headers))


def approvals(name: str) -> Iterator[approval.SignedApproval]:
    for event in load(name).events:
        for payload in event.workflow_execution_signaled_event_attributes.input.payloads:
            for text in json.loads(payload.data)["approvals"]:
                yield approval.parse(base64.b64decode(text))
