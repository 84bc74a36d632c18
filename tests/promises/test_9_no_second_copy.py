"""Promise 9: what is said to a model, by it, and through its calls is in no second place in plain.

Secrets are planted in the prompt, a completion, arguments, a result, an error, a refusal and a credential of the demo
incident, which runs as people run it: one process, with Temporal's real server. Then everything that the installation
left is searched: its database with its log, Temporal's own, every line that the process wrote, every page that a
viewer or nobody sees, and the raw histories; plain and in base64. What was exported on purpose, and the effects in
the world outside, are where the secrets must be: that shows that they were planted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from temporalio.client import Client

from approvals.cli.failures import SiteRefused
from approvals.cli.visit import Visit
from tests.incident.fake_provider import fake_provider, openai_call, openai_words
from tests.workers.processes import BASE, Installation, stop

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(400)]

INCIDENT = "P9001"
SERVICE = "payment-service-prod"
# Of the service's log lines: what a tool answered, and the next prompt holds.
LOG_LINE = "connections are checked out on retry and not returned"
TITLE = f"CANARY-title-{secrets.token_hex(6)}"
# Where people, the export and the outside world are meant to read it.
MEANT = {f"evidence-{INCIDENT}.jsonl", "effects.jsonl"}


def planted(place: str) -> str:
    return f"CANARY-{place}-{secrets.token_hex(6)}"


@dataclass
class Story:
    """What was planted, by place, and all that is left."""

    installation: Installation
    secrets: dict[str, str]
    output: str = ""
    prompts: str = ""
    credentials: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    words = {
        place: planted(place)
        for place in ("reasoning", "closing", "argument", "gated-words", "error", "refused", "credential")
    }
    calls = [
        openai_call("read_logs", json.dumps({"service": SERVICE, "minutes": 60}), words["reasoning"]),
        openai_call("read_metrics", json.dumps({"service": SERVICE, "metric": words["error"]}), "A metric."),
        openai_call("delete_database", json.dumps({"name": words["refused"]}), "It is corrupt."),
        openai_call(
            "restart_service", json.dumps({"service": SERVICE, "environment": "production"}), words["gated-words"]
        ),
        openai_call("read_metrics", json.dumps({"service": SERVICE, "metric": "error_rate"}), "Did it help?"),
        openai_call("post_status", json.dumps({"channel": "#incidents", "text": words["argument"]}), "Telling people."),
        openai_words(words["closing"]),
    ]
    keys = tmp_path_factory.mktemp("keys")
    (keys / "openai-api-key").write_text(words["credential"])
    (keys / "openai-api-key").chmod(0o600)
    alert = json.loads((BASE / "workers/incident/alerts/examples/high-error-rate.json").read_text())
    alert["event"]["data"]["title"] = TITLE
    webhook = keys / "alert.json"
    webhook.write_text(json.dumps(alert))
    with fake_provider(*[(200, call) for call in calls]) as provider:
        installation = Installation(
            tmp_path_factory.mktemp("canary"),
            MODEL_PROVIDER="openai",
            MODEL_NAME="canary-model",
            MODEL_BASE_URL=provider.url,
            CREDENTIALS=f"file://{keys}",
            LOG_LEVEL="INFO",
        )
        code, output = installation.run("demo", "--auto", "--incident", INCIDENT, "--alert", str(webhook), timeout=200)
        told = Story(installation, {**words, "result": LOG_LINE, "title": TITLE}, output)
        told.prompts = json.dumps([sent.body for sent in provider.sent])
        told.credentials = {sent.headers.get("authorization", "") for sent in provider.sent}
    assert code == 0, output
    yield told
    assert installation.processes() == []


def forms(secret: str) -> list[bytes]:
    """Return ``secret`` as it is, and what every base64 of something with it inside holds."""
    data = secret.encode()
    found = [data]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data)
        # The first and last characters also depend on what stands around it.
        inside = whole[-(-before * 4 // 3) : -4]
        found += [inside, inside.replace(b"+", b"-").replace(b"/", b"_")]
    return found


def hits(secrets_: dict[str, str], data: bytes) -> list[str]:
    return [place for place, secret in secrets_.items() if any(form in data for form in forms(secret))]


def test_the_search_finds_what_is_there() -> None:
    for before in range(7):
        text = bytes(before) + b"xCANARY-123456789abc" + bytes(5)
        assert hits({"it": "CANARY-123456789abc"}, base64.b64encode(text)) == ["it"]
        assert hits({"it": "CANARY-123456789abc"}, text) == ["it"]
    assert hits({"it": "CANARY-123456789abc"}, base64.b64encode(bytes(99))) == []


def test_the_secrets_were_where_they_are_meant_to_be(story: Story) -> None:
    evidence = (story.installation.directory / f"evidence-{INCIDENT}.jsonl").read_bytes()
    effects = (story.installation.directory / "estate" / "effects.jsonl").read_bytes()
    everywhere = evidence + effects + story.prompts.encode()
    assert set(story.secrets) - set(hits(story.secrets, everywhere)) == {"credential", "closing"}
    assert story.credentials == {f"Bearer {story.secrets['credential']}"}
    assert {"argument", "gated-words", "title"} <= set(hits(story.secrets, evidence)), "an auditor takes all of it away"


def test_no_file_of_the_installation_holds_any_of_them(story: Story) -> None:
    files = [path for path in story.installation.directory.rglob("*") if path.is_file() and path.name not in MEANT]
    assert {"countersign.sqlite3"} < {path.name for path in files}
    found = {path.name: hits(story.secrets, path.read_bytes()) for path in files}
    assert {name: places for name, places in found.items() if places} == {}


def test_no_line_that_the_process_wrote_holds_any_of_them(story: Story) -> None:
    content = {place: secret for place, secret in story.secrets.items() if place != "title"}  # which incident it is
    assert hits(content, story.output.encode()) == []
    assert INCIDENT in story.output


async def test_no_page_of_a_viewer_and_no_history_holds_any_of_them(story: Story) -> None:
    installation = story.installation
    for command in (
        ("create_person", "vera", "--name", "Vera"),
        ("grant_role", "vera", "viewer"),
        ("create_person", "rita", "--name", "Rita"),
        ("grant_role", "rita", "payload_reader"),
    ):
        code, output = await asyncio.to_thread(installation.run, *command)
        assert code == 0, output
    process = installation.start("serve")
    try:
        await asyncio.to_thread(installation.wait_until_up)
        viewer, reader, nobody = [await pages_of(installation, who) for who in ("vera", "rita", None)]
        histories = await histories_of(installation)
    finally:
        _, log = await asyncio.to_thread(stop, process, signal.SIGTERM)
    content = {place: secret for place, secret in story.secrets.items() if place != "title"}
    assert hits(content, viewer) == []
    assert hits(story.secrets, nobody) == []
    assert {"gated-words", "argument", "title"} <= set(hits(story.secrets, reader)), "who has the right sees it"
    assert b"restart_service" in viewer
    assert b"restart_service" in histories, "activity types are plain"
    assert hits(story.secrets, histories) == []
    assert hits(story.secrets, log.encode()) == []


async def pages_of(installation: Installation, who: str | None) -> bytes:
    """Return every page about the incident as ``who`` sees it, and the pages of errors."""
    link = f"{installation.site}/"
    if who is not None:
        _, output = await asyncio.to_thread(installation.run, "sign_in_link", who)
        link = re.findall(r"http://\S+", output)[-1]
    told: list[str] = []
    async with Visit(link) as visit:
        if who is not None:
            await visit.sign_in()

        async def see(path: str) -> str:
            try:
                told.append(await visit.get(path))
            except SiteRefused as refused:
                told.append(str(refused))
            return told[-1]

        queue = await see("/approvals/?show=all")
        incidents = await see("/incidents/")
        for path in {*re.findall(r'href="(/approvals/req[^"]+/|/incidents/tnu[^"]+/)"', queue + incidents)}:
            await see(path)
            if path.startswith("/incidents/"):
                await see(f"{path}tree/")
                await see(f"{path}evidence/")
            else:
                told.append(json.dumps(await visit.read(path)))
        for path in ("/approvals/list/?show=all&q=CANARY-", "/measures/", "/no/such/page/", "/approvals/?page=0"):
            await see(path)
    return "\n".join(told).encode()


async def histories_of(installation: Installation) -> bytes:
    """Return every history as the server has it: this client has no keys."""
    client = await Client.connect(f"localhost:{installation.environment['TEMPORAL_DEVELOPMENT_PORT']}")
    found = []
    async for execution in client.list_workflows():
        history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        found += [event.SerializeToString() for event in history.events]
    return b"\n".join(found)
