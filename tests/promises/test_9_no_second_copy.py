"""Promise 9: what is said to a model, by it, and through its calls is in no second place in plain.

Secrets are planted in the prompt, completions, arguments, results, an error, a refusal and a credential of the demo
incident, and in the order, the words and the result of the payment across namespaces. Both run as people run them: one
process, with Temporal's real server, a real mail server, a Slack, a push service, and histories exported. Then
everything that the installation left is searched, while it runs and after: its database with its log, Temporal's own,
every exported history, every line that the process wrote, every mail, every webhook, every message in Slack, every push
message as a browser reads it, every page that a viewer or nobody sees, and the raw histories of every namespace; plain,
in base64 and in hexadecimal.
What was exported on purpose, the pages of who may see content, the codec server's answers and the effects in the world
outside are where the secrets must be: that shows that they were planted, and that the search finds them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import History
from temporalio.client import Client

from approvals.cli.visit import Visit
from tests import push_service, slack, webhook_receiver
from tests.incident.fake_provider import FakeProvider, fake_provider, openai_call, openai_words
from tests.prepared import prepare
from tests.promises.canaries import hits, hits_in_files, payloads_of, planted
from tests.promises.canary_process import ENDED, READER, VIEWER
from tests.promises.mailbox import Mailbox, mailbox
from tests.workers.processes import BASE, Installation, until
from workers.codec.codec import ENCODING
from workers.export import histories
from workers.export.archives import Shelf, open_archive

pytestmark = [pytest.mark.temporal, pytest.mark.timeout(400)]

INCIDENT = "P9001"
SERVICE = "payment-service-prod"
# Where people, the export of evidence and the outside world are meant to read it.
MEANT = ("evidence-*.jsonl", "effects.jsonl", "payments/book.jsonl")
OF_A_PAYMENT = {"payment-argument", "payment-reasoning", "payment-result"}
PLACES = ("reasoning", "closing", "argument", "result", "gated-words", "error", "refused", "credential", "title")
NOBODY = "nobody"
ON_THE_PHONE = ("on-call-lead", "payments-controller-1")


@dataclass
class Story:
    """What was planted, by place, and all that is left."""

    installation: Installation
    secrets: dict[str, str]
    provider: FakeProvider
    mailbox: Mailbox
    slack: slack.FakeSlack
    webhooks: webhook_receiver.Receiver
    push: push_service.PushService
    files: list[dict[str, list[str]]] = field(default_factory=list)  # hits by file: while it ran, and after
    pages: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)  # the codec server's answer to those who may not
    served: dict[str, list[History]] = field(default_factory=dict)  # by namespace, as the server has them
    opened: dict[str, bytes] = field(default_factory=dict)  # by namespace, what the codec server made of the archive
    output: bytes = b""

    @property
    def content(self) -> dict[str, str]:
        """What only some may see. A title says which incident it is."""
        return {place: word for place, word in self.secrets.items() if place != "title"}

    @property
    def archived(self) -> dict[str, list[History]]:
        """Every exported history, by namespace."""
        archive = open_archive(str(self.installation.directory / "archive"))
        shelves = [Shelf(archive, namespace) for namespace in ENDED]
        return {
            shelf.namespace: [histories.read_one(shelf.get(name)) for name in shelf.names("objects")]
            for shelf in shelves
        }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    words = planted(*PLACES, *OF_A_PAYMENT)
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
    directory, outside = tmp_path_factory.mktemp("canary"), tmp_path_factory.mktemp("outside")
    prepare(directory)
    (directory / "archive").mkdir()
    with (
        fake_provider(*[(200, call) for call in calls]) as provider,
        mailbox() as mails,
        slack.serving() as workspace,
        webhook_receiver.serving() as webhooks,
        push_service.serving() as phones,
    ):
        workspace.people["on-call-lead@mail.example"] = "U0LEAD"
        installation = Installation(
            directory,
            MODEL_PROVIDER="openai",
            MODEL_NAME="canary-model",
            MODEL_BASE_URL=provider.url,
            CREDENTIALS=f"file://{credentials(outside, words)}",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=str(mails.port),
            SLACK_BOT_TOKEN=slack.TOKEN,
            SLACK_SIGNING_SECRET=slack.SECRET,
            SLACK_TEAM_ID=slack.TEAM,
            SLACK_CHANNEL=slack.CHANNEL,
            SLACK_API_URL=workspace.api,
            WEBHOOKS=json.dumps([webhooks.entry()]),
            PUSH_CONTACT="ops@countersign.example",
            PUSH_HOSTS=phones.origin,
            EXPORT_TARGET=f"file://{directory / 'archive'}",
            LOG_LEVEL="INFO",
        )
        told = Story(installation, words, provider, mails, workspace, webhooks, phones)
        live_through(told, outside)
    yield told
    assert installation.processes() == []


def credentials(outside: Path, words: dict[str, str]) -> Path:
    keys = outside / "keys"
    keys.mkdir()
    (keys / "openai-api-key").write_text(words["credential"])
    (keys / "openai-api-key").chmod(0o600)
    return keys


def live_through(told: Story, outside: Path) -> None:
    """Run the process until both stories are told, look around, stop it, and look around again."""
    alert = json.loads((BASE / "workers/incident/alerts/examples/high-error-rate.json").read_text())
    alert["event"]["data"]["title"] = told.secrets["title"]
    (outside / "alert.json").write_text(json.dumps(alert))
    order, ready, output = outside / "order.json", outside / "ready.json", outside / "output"
    wanted = {
        "alert": str(outside / "alert.json"),
        "browsers": {name: told.push.browser(name).fields for name in ON_THE_PHONE},
        "incident": INCIDENT,
        "words": told.secrets,
    }
    order.write_text(json.dumps(wanted))
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.promises.canary_process", str(order), str(ready)],
            cwd=BASE,
            env=told.installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: ready.exists() or process.poll() is not None, seconds=240)
            assert ready.exists(), output.read_text()
            asyncio.run(look_around(told, json.loads(ready.read_text())))
            told.files.append(files_of(told))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, output.read_text()
        finally:
            process.kill()
            process.wait()
    told.files.append(files_of(told))
    told.output = output.read_bytes()


def files_of(story: Story) -> dict[str, list[str]]:
    return hits_in_files(story.secrets, story.installation.directory, but=MEANT)


async def look_around(story: Story, links: dict[str, str]) -> None:
    """See every page as a viewer, a reader and nobody, and every history as the server has it."""
    for who, link in {**links, NOBODY: f"{story.installation.site}/"}.items():
        async with Visit(link) as visit:
            if who != NOBODY:
                await visit.sign_in()
            cookies = {cookie.name: cookie.value or "" for cookie in visit.cookies}
        async with httpx.AsyncClient(
            base_url=story.installation.site, cookies=cookies, follow_redirects=True, timeout=30
        ) as browser:
            story.pages[who] = await pages_of(browser)
            await open_archived(story, who, browser)
    # This client has no keys.
    client = await Client.connect(f"localhost:{story.installation.environment['TEMPORAL_DEVELOPMENT_PORT']}")
    for namespace in ENDED:
        own = Client(client.service_client, namespace=namespace)
        story.served[namespace] = []
        async for execution in own.list_workflows():
            history = await own.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
            story.served[namespace].append(History(events=history.events))


async def pages_of(browser: httpx.AsyncClient) -> bytes:
    """Return every page about incidents and requests as this visitor sees it, and the pages of errors."""
    told: list[str] = []

    async def see(path: str, **headers: str) -> str:
        answer = await browser.get(path, headers=headers)
        told.append(f"{answer.headers} {answer.text}")
        return answer.text

    lists = await see("/approvals/?show=all") + await see("/incidents/")
    for path in sorted({*re.findall(r'href="(/approvals/req[^"/]+/|/incidents/tnu[^"/]+/)"', lists)}):
        parts = ("tree/", "timeline/") if path.startswith("/incidents/") else ("card/", "progress/")
        for part in ("", *parts):
            await see(f"{path}{part}")
        await see(path, Accept="application/json")
    others = ("/approvals/list/?show=all&q=CANARY-", "/measures/", "/payloads/", "/no/such/page/", "/approvals/?page=0")
    for path in (*others, "/incidents/no-such-incident/", "/approvals/req_nosuchrequest/"):
        await see(path)
    return "\n".join(told).encode()


async def open_archived(story: Story, who: str, browser: httpx.AsyncClient) -> None:
    """Ask the codec server for the exported payloads of every namespace, as Temporal's pages do."""
    interface = f"http://localhost:{story.installation.environment['TEMPORAL_DEVELOPMENT_UI_PORT']}"
    for namespace, runs in story.archived.items():
        sealed = [one for run in runs for one in payloads_of(run) if one.metadata.get("encoding") == ENCODING]
        answer = await browser.post(
            "/codec/decode",
            content=MessageToJson(Payloads(payloads=sealed)),
            headers={"Origin": interface, "Content-Type": "application/json", "X-Namespace": namespace},
        )
        if who == READER:
            assert answer.status_code == 200, answer.text
            story.opened[namespace] = answer.content
        else:
            story.refused[f"{who} {namespace}"] = answer.status_code


# --- The search can fail, and the secrets are where they are meant to be ----------------------------------------


def test_the_search_finds_what_is_there() -> None:
    for before in range(7):
        text = bytes(before) + b"xCANARY-123456789abc" + bytes(5)
        for data in (text, base64.b64encode(text), base64.urlsafe_b64encode(text), text.hex().encode()):
            assert hits({"it": "CANARY-123456789abc"}, data) == ["it"]
    assert hits({"it": "CANARY-123456789abc"}, base64.b64encode(bytes(99))) == []


def test_the_secrets_were_where_they_are_meant_to_be(story: Story) -> None:
    directory = story.installation.directory
    evidence = b"".join(path.read_bytes() for path in directory.glob("evidence-*.jsonl"))
    prompts = json.dumps([sent.body for sent in story.provider.sent]).encode()
    assert {sent.headers["authorization"] for sent in story.provider.sent} == {f"Bearer {story.secrets['credential']}"}
    assert set(hits(story.secrets, prompts)) == set(PLACES) - {"credential", "closing"}
    assert {"argument"} <= set(hits(story.secrets, (directory / "estate" / "effects.jsonl").read_bytes()))
    book = (directory / "payments" / "book.jsonl").read_bytes()
    assert set(hits(story.secrets, book)) == {"payment-argument", "payment-result"}
    assert {*OF_A_PAYMENT, "argument", "gated-words", "title"} <= set(hits(story.secrets, evidence))
    reader = set(hits(story.secrets, story.pages[READER]))
    assert {*OF_A_PAYMENT, "argument", "gated-words", "title"} <= reader, "who has the right sees it"


def test_the_archive_holds_both_stories_and_its_readers_find_every_secret_in_it(story: Story) -> None:
    for namespace, kind in ENDED.items():
        types = {histories.facts_of(run).type for run in story.archived[namespace]}
        assert kind in types
    opened = {namespace: set(hits(story.secrets, content)) for namespace, content in story.opened.items()}
    assert opened["default"] == set(story.secrets) - {"credential"} - OF_A_PAYMENT
    assert opened["finance-payments-prd"] == OF_A_PAYMENT
    assert opened["finance-ai-prd"] == OF_A_PAYMENT
    assert set(story.refused.values()) == {401, 403}


# --- And nowhere else -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["archived", "served"])
def test_no_history_holds_any_of_them(story: Story, which: str) -> None:
    found: dict[str, list[History]] = getattr(story, which)
    for namespace, runs in found.items():
        whole = b"\n".join(run.SerializeToString() for run in runs)
        payloads = [payload for run in runs for payload in payloads_of(run)]
        assert payloads
        # As they are, and in the base64 that programs show them in.
        data = b"\n".join(payload.data for payload in payloads)
        text = "\n".join(MessageToJson(run) for run in runs).encode()
        assert [hits(story.secrets, form) for form in (whole, data, text)] == [[], [], []], namespace
    everything = b"".join(run.SerializeToString() for runs in found.values() for run in runs)
    assert b"restart_service" in everything, "activity types are plain"
    assert b"execute_payment" in everything


def test_no_file_of_the_installation_holds_any_of_them(story: Story) -> None:
    running, stopped = story.files
    assert {"countersign.sqlite3", "countersign.sqlite3-wal"} <= set(running)
    assert any(name.startswith("archive/finance-payments-prd/objects/") for name in stopped)
    for found in story.files:
        assert {name: places for name, places in found.items() if places} == {}
    plain = hits_in_files({"tool": "restart_service"}, story.installation.directory, but=())
    assert {"countersign.sqlite3", "temporal.db"} <= {name for name, places in plain.items() if places}


def test_no_line_that_the_process_wrote_holds_any_of_them(story: Story) -> None:
    assert hits(story.content, story.output) == []
    assert INCIDENT.encode() in story.output
    assert b"Paid 1 time" in story.output


def test_no_mail_holds_any_of_them(story: Story) -> None:
    mails = "\n\n".join(story.mailbox.mails)
    for person in ("on-call-lead", "payments-controller-1", "payments-controller-2"):
        assert f"To: {person}@mail.example" in mails
    assert "endorsed your key" in mails
    assert "Approval asked: restart_service" in mails
    assert hits(story.secrets, mails.encode()) == []


def test_no_message_in_slack_holds_any_of_them_and_nothing_holds_slacks_keys(story: Story) -> None:
    told = {message.channel: message for message in story.slack.messages}
    assert {slack.CHANNEL, "D0LEAD"} <= set(told)
    assert "`restart_service`" in story.slack.everything()
    assert "Approved, and it has run" in told["D0LEAD"].shown
    assert hits(story.content, story.slack.everything().encode()) == []
    keys = {"token": slack.TOKEN, "secret": slack.SECRET}
    assert hits(keys, story.output) == []
    found = hits_in_files(keys, story.installation.directory, but=())
    assert {name: places for name, places in found.items() if places} == {}


def test_no_webhook_holds_any_of_them_and_nothing_holds_its_secret_or_address(story: Story) -> None:
    bodies = b"\n".join(sent.body for sent in story.webhooks.sent)
    for word in (b'"type":"request.opened"', b'"type":"request.executed"', b'"tool":"restart_service"'):
        assert word in bodies
    whole = b"\n".join(f"{sent.path} {sent.headers}".encode() + sent.body for sent in story.webhooks.sent)
    assert hits(story.content, whole) == []
    keys = {"secret": webhook_receiver.SECRET, "address": webhook_receiver.IN_THE_ADDRESS}
    assert hits(keys, story.output) == []
    found = hits_in_files(keys, story.installation.directory, but=())
    assert {name: places for name, places in found.items() if places} == {}


def test_no_push_message_holds_any_of_them_and_no_line_or_page_holds_where_browsers_are(story: Story) -> None:
    read = "\n".join(json.dumps([sent.shown, sent.headers], ensure_ascii=False) for sent in story.push.taken)
    assert {sent.browser for sent in story.push.taken} == set(ON_THE_PHONE)
    titles = {sent.shown["title"] for sent in story.push.taken}
    assert {"Decide: restart_service", "Over, it has run: restart_service", "Decide: execute_payment"} <= titles
    assert hits(story.secrets, read.encode()) == []
    where = {name: browser.endpoint for name, browser in story.push.browsers.items()}
    for seen in (story.output, *story.pages.values()):
        assert hits(where, seen) == []


def test_no_page_of_a_viewer_or_of_nobody_holds_any_of_them(story: Story) -> None:
    viewer, nobody = story.pages[VIEWER], story.pages[NOBODY]
    assert hits(story.content, viewer) == []
    assert hits(story.secrets, nobody) == []
    assert b"restart_service" in viewer
    assert b"execute_payment" in viewer
