"""Temporal's own UI and command line: plaintext for whoever has the right, ciphertext for everybody else."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client as Visitor
from playwright.sync_api import BrowserContext, Page, expect
from temporalio.client import Client
from temporalio.worker import Worker

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.tokens.services import make as make_token
from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.queries import details_of
from audit.models import LedgerEntry
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from tests import people
from tests.browser.conftest import look
from tests.browser.demo import free_ports
from tests.browser.temporal_ui import PATIENCE_MS, use_codec_server
from tests.codec_server.agents import Conclude
from workers.codec.converter import client_options
from workers.codec.rings import FixedRings
from workers.development_server import DevelopmentServer, _executable

# Playwright's loop runs in the thread of the test, which uses the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.django_db(transaction=True)]

NAMESPACE = "default"
SECRET = "customer 4711 owes 12,000 euros"
BASE64 = re.compile(r'^"[A-Za-z0-9+/]{90,}=*"$')


@dataclass(frozen=True)
class Temporal:
    """A development server with its UI."""

    address: str
    ui: str


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Temporal]:
    port, ui_port = free_ports(2)
    with DevelopmentServer(port=port, ui_port=ui_port, directory=tmp_path_factory.mktemp("temporal")) as server:
        yield Temporal(server.address, f"http://localhost:{ui_port}")


@pytest.fixture
def site(live_server: Any, settings: Any, temporal: Temporal) -> str:
    settings.TEMPORAL_UI = temporal.ui
    ensure_ring(namespace=NAMESPACE)
    return str(live_server.url)


@pytest.fixture
def rosa(site: str) -> Person:
    return people.person("rosa", Role.PAYLOAD_READER, namespace=NAMESPACE, display_name="Rosa Parks")


@pytest.fixture
def vera(site: str) -> Person:
    return people.person("vera", Role.VIEWER, namespace=NAMESPACE)


@pytest.fixture
def workflow_id(site: str, temporal: Temporal) -> str:
    """A workflow that a real worker ran, encrypted. Neither knows the codec server."""
    ring, name = ring_of(NAMESPACE), f"incident-{uuid.uuid4().hex[:8]}"

    async def run() -> None:
        client = await _connected(temporal.address, FixedRings(ring))
        async with Worker(client, task_queue=name, workflows=[Conclude]):
            concluded = await client.execute_workflow(Conclude.run, SECRET, id=name, task_queue=name)
            assert concluded == f"{SECRET}, so restart the database"

    # Playwright has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result(60)
    return name


async def _connected(address: str, rings: FixedRings) -> Client:
    async with asyncio.timeout(30):
        while True:
            try:
                return await Client.connect(address, namespace=NAMESPACE, **client_options(rings, NAMESPACE))
            except RuntimeError:
                await asyncio.sleep(0.1)


def sign_in(context: BrowserContext, person: Person, site: str) -> None:
    client = Visitor()
    client.force_login(person)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])


def open_history(context: BrowserContext, temporal: Temporal, workflow_id: str, endpoint: str) -> Page:
    page = context.new_page()
    page.goto(f"{temporal.ui}/namespaces/{NAMESPACE}/workflows/{workflow_id}")
    use_codec_server(page, endpoint)
    return page


def readings() -> list[dict[str, Any]]:
    return [
        details_of(entry) for entry in LedgerEntry.objects.filter(chain=namespace_chain(Subject.PAYLOADS, NAMESPACE))
    ]


def keep_picture(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page.screenshot(path=str(Path(directory) / f"{name}-desktop-light.png"))


def show(temporal: Temporal, workflow_id: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_executable(), "workflow", "show", "--address", temporal.address, "--namespace", NAMESPACE,
         "--workflow-id", workflow_id, "--output", "json", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def data_in(shown: subprocess.CompletedProcess[str]) -> bytes:
    assert shown.returncode == 0, shown.stderr
    found = re.findall(r'"data": "([^"]+)"', shown.stdout)
    assert found
    return b"".join(map(base64.b64decode, found))


# --- Temporal's UI ----------------------------------------------------------------------------------


def test_a_reader_reads_plaintext_in_temporals_ui_and_the_ledger_knows(
    site: str, temporal: Temporal, workflow_id: str, rosa: Person, open_browser: Callable[[], BrowserContext]
) -> None:
    context = open_browser()
    sign_in(context, rosa, site)
    page = open_history(context, temporal, workflow_id, f"{site}/codec")
    expect(page.get_by_role("textbox", name="Input")).to_have_text(f'"{SECRET}"', timeout=PATIENCE_MS)
    expect(page.get_by_role("textbox", name="Result")).to_contain_text("so restart the database", timeout=PATIENCE_MS)
    keep_picture(page, "temporal-ui-plaintext")
    assert {(entry["person"], entry["token"], *entry["workflows"]) for entry in readings()} == {
        (rosa.external_id, "", workflow_id)
    }
    sign_in(context, people.person("audrey", Role.AUDITOR, namespace=NAMESPACE), site)
    page.goto(f"{site}/people/")
    page.get_by_role("link", name="Who read payloads").click()
    expect(page.locator(".sitting h2")).to_contain_text("local:rosa read")
    expect(page.locator(".sitting")).to_contain_text(workflow_id)
    look(page, "payloads")


def test_without_the_right_and_without_a_codec_server_temporals_ui_shows_ciphertext(
    site: str,
    temporal: Temporal,
    workflow_id: str,
    rosa: Person,
    vera: Person,
    open_browser: Callable[[], BrowserContext],
) -> None:
    """The workflow ran all the same, with an endpoint where nobody listens: workers never ask the codec server."""
    context, (nobody_listens,) = open_browser(), free_ports(1)
    for person, endpoint in ((rosa, f"http://localhost:{nobody_listens}/codec"), (vera, f"{site}/codec")):
        sign_in(context, person, site)
        page = open_history(context, temporal, workflow_id, endpoint)
        failed = page.get_by_role("main").get_by_text("Codec Server could not connect")
        expect(failed).to_be_visible(timeout=PATIENCE_MS)
        shown = page.get_by_role("textbox", name="Input")
        expect(shown).to_have_text(BASE64, timeout=PATIENCE_MS)
        assert SECRET.encode() not in base64.b64decode("".join(shown.inner_text().split()).strip('"'))
        keep_picture(page, "temporal-ui-ciphertext")
    assert readings() == []


# --- Its command line ---------------------------------------------------------------------------------


def test_the_command_line_shows_plaintext_with_a_readers_token_alone(
    site: str, temporal: Temporal, workflow_id: str, rosa: Person, vera: Person
) -> None:
    endpoint = ("--codec-endpoint", site + "/codec/{namespace}", "--codec-auth")
    _, text = make_token(person=rosa, name="Laptop")
    assert SECRET.encode() in data_in(show(temporal, workflow_id, *endpoint, f"Bearer {text}"))
    known = readings()
    assert {(entry["person"], entry["token"], *entry["workflows"]) for entry in known} == {
        (rosa.external_id, "Laptop", workflow_id)
    }
    assert SECRET.encode() not in data_in(show(temporal, workflow_id))
    _, text = make_token(person=vera, name="Laptop")
    # It tries what is forbidden again and again, until its time is up.
    refused = show(temporal, workflow_id, *endpoint, f"Bearer {text}", "--command-timeout", "2s")
    assert refused.returncode != 0
    assert SECRET not in refused.stdout + refused.stderr
    assert readings() == known
