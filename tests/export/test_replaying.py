"""A decision is shown again from the archive alone, and today's code is held against it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from temporalio.client import WorkflowHistory

from approvals.contracts import DECISION_SIGNAL
from tests.replay.record import HISTORIES
from tests.replay.stories import HOLDER, recording_keys
from workers.crew import Keys
from workers.export import histories, manifests, replaying
from workers.export.archives import Shelf, open_archive
from workers.export.manifests import Entry, Window

pytestmark = pytest.mark.django_db
NAMES = ["incident-approved", "incident-expired", "injection-denied"]
HOUR = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = recording_keys()
    held = Keys({HOLDER: bytes(keys.holder.secret_key_bytes())}, [keys.root], b"\x15" * 32)
    monkeypatch.setattr(replaying, "load_keys", lambda: held)


def recorded(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((HISTORIES / f"{name}.json").read_text())
    return facts


def keep(target: Path, recordings: list[dict[str, Any]]) -> Path:
    """Make an archive in ``target`` of recorded histories."""
    shelf, entries = Shelf(open_archive(str(target)), "default"), []
    for facts in recordings:
        content = histories.to_object(WorkflowHistory.from_json(facts["workflow_id"], facts["history"]).events)
        entries.append(Entry.about(histories.facts_of(histories.read_one(content)), content))
        shelf.put_same(manifests.object_name(entries[-1].object), content, retain_until=HOUR)
    window = Window(HOUR, HOUR + timedelta(hours=1), is_complete=True)
    manifest = manifests.next_window(None, namespace="default", window=window, runs=tuple(entries))
    shelf.put_same(manifest.name, manifest.to_bytes(), retain_until=HOUR)
    return target


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return keep(tmp_path, [recorded(name) for name in NAMES])


def show(archive: Path, workflow_id: str, output: StringIO, **options: Any) -> None:
    call_command("replay_export", workflow_id, target=str(archive), stdout=output, stderr=output, **options)


def shown(archive: Path, workflow_id: str, **options: Any) -> str:
    output = StringIO()
    show(archive, workflow_id, output, **options)
    return output.getvalue()


def test_a_decision_is_told_again_and_the_code_does_the_same(archive: Path) -> None:
    told = shown(archive, "replay-incident-approved")
    for words in (
        "replay-incident-approved (IncidentWorkflow)",
        "the model is asked about P1042, with 0 calls so far",
        "the model answers: read_logs",
        "people are asked about restart_service (apr_",
        "approved by local:lead at ",
        "signed with key ",
        "restart_service: done",
        "the run completed",
        "Today's workflow code does the same again",
    ):
        assert words in told, words
    assert told.count("approved by") == 1


def test_a_denial_is_told_with_its_reason(archive: Path) -> None:
    told = shown(archive, "replay-injection-denied")
    assert "denied by local:lead at " in told
    assert "Not now." in told
    assert "APPROVAL_DENIED" in told


def test_silence_is_told_as_silence(archive: Path) -> None:
    told = shown(archive, "replay-incident-expired")
    assert "approved by" not in told
    assert "denied by" not in told
    assert "expired" in told


def test_code_that_does_something_else_now_is_told_and_fails(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = StringIO()
    monkeypatch.setattr(replaying, "_gates", lambda activities, keys: [])
    with pytest.raises(SystemExit) as ended:
        show(archive, "replay-incident-approved", output)
    assert ended.value.code == 1
    assert "The workflow code has changed since and does something else now: " in output.getvalue()
    assert "approved by local:lead" in output.getvalue(), "what happened then is told all the same"


def test_a_run_that_is_not_there_is_named(archive: Path) -> None:
    for options, words in (
        ({}, "no run of 'another'"),
        ({"run": "019"}, "no run 019 of 'another'"),
        ({"namespace": "elsewhere"}, "in elsewhere"),
    ):
        with pytest.raises(CommandError, match=words):
            shown(archive, "another", **options)


def test_an_object_that_was_changed_is_not_shown(archive: Path) -> None:
    for path in (archive / "default" / "objects").rglob("*.gz"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CommandError, match="It was changed"):
        shown(archive, "replay-incident-approved")


def test_a_signature_that_is_not_genuine_is_told_as_such(tmp_path: Path) -> None:
    facts = recorded("incident-approved")
    signals = [
        event["workflowExecutionSignaledEventAttributes"]
        for event in facts["history"]["events"]
        if "workflowExecutionSignaledEventAttributes" in event
    ]
    (payload,) = [signal["input"]["payloads"][0] for signal in signals if signal["signalName"] == DECISION_SIGNAL]
    decision = json.loads(base64.b64decode(payload["data"]))
    decision["approvals"] = [flipped(decision["approvals"][0])]
    payload["data"] = base64.b64encode(json.dumps(decision).encode()).decode()
    output = StringIO()
    with pytest.raises(SystemExit):
        show(keep(tmp_path, [facts]), "replay-incident-approved", output)
    assert "somebody sent a signature that is not genuine" in output.getvalue()


def flipped(text: str) -> str:
    signed = bytearray(base64.b64decode(text))
    signed[-1] ^= 1
    return base64.b64encode(signed).decode()
