"""Taking a population away in the browser: the file, who may, what becomes of a client that goes, and who sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.test import Client

from accounts.models import Person, RoleGrant
from accounts.roles import backend
from accounts.roles.contracts import Role
from audit.models import Export
from audit.population.errors import BrokenOff
from audit.population.streaming import sent
from config.asgi import application
from tests.audit.population import a_year, gathered, newest, objects, table
from tests.people import person

# What is sent is made in threads, with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/evidence/exports/"


@pytest.fixture
def rita() -> Person:
    return person("rita", Role.AUDITOR, namespace="payments")


def browser(somebody: Person) -> Client:
    client = Client()
    client.force_login(somebody)
    return client


def taken(client: Client, **fields: str) -> Any:
    """Return the answer to a form, whose file is in ``file``."""
    answer: Any = client.post(PATH, fields)
    answer.file = gathered(aiter(answer)) if answer.streaming else b""
    return answer


def test_an_auditor_downloads_what_a_search_finds_and_sees_that_they_did(rita: Person) -> None:
    a_year()
    client = browser(rita)
    answer = taken(client, form="csv", tool="drop")
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer["Content-Disposition"].startswith('attachment; filename="countersign-20')
    assert answer["Content-Disposition"].endswith('.csv"')
    assert (answer["Cache-Control"], answer["X-Accel-Buffering"]) == ("no-store", "no")
    assert [row["tool"] for row in table(answer.file)] == ["drop", "drop", ""]
    page = client.get(PATH).content.decode()
    for said in ("local:rita", "Complete", "2 entries", "payments", "drop", newest().periods[0]["root"]):
        assert said in page
    assert objects(taken(client, form="jsonl", tool="drop").file)[-1]["line"] == "complete"
    assert objects(taken(client, form="bundle", tool="drop").file)[-1]["line"] == "close"
    assert newest().state == "complete"


def test_what_cannot_be_taken_is_a_sentence_on_the_page(rita: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    client = browser(rita)
    for fields, status, sentence in (
        ({"form": "xlsx"}, 422, "Choose CSV, JSON Lines or a bundle."),
        ({}, 422, "Choose CSV, JSON Lines or a bundle."),
        ({"form": "csv", "key": "x"}, 422, "A key is 8 to 64 hexadecimal digits"),
        ({"form": "csv", "from": "\0"}, 422, "Write a day as"),
    ):
        answer = client.post(PATH, fields)
        assert (answer.status_code, sentence in answer.content.decode()) == (status, True)
    monkeypatch.setitem(backend._ROLES_FOR, "audit.view_content", (Role.APPROVER,))
    refused = client.post(PATH, {"form": "bundle"})
    assert "which you may not see" in refused.content.decode()
    assert client.post(PATH, {"form": "csv", "value": "x"}).status_code == 403
    without = taken(client, form="jsonl").file
    assert b"CANARY" not in without
    for _ in range(2):
        client.post(PATH, {"form": "csv"})  # which nobody reads
    assert client.post(PATH, {"form": "csv"}).status_code == 429


def test_only_exporters_come_in_and_see_what_they_oversee(rita: Person) -> None:
    a_year()
    taken(browser(rita), form="csv")
    taken(browser(person("olga", Role.SECURITY_ADMINISTRATOR)), form="csv", namespace="billing")
    assert browser(person("vera", Role.VIEWER)).get(PATH).status_code == 404
    assert browser(person("vic", Role.APPROVER)).post(PATH, {"form": "csv"}).status_code == 404
    assert Client().get(PATH).status_code == 302
    seen = browser(person("anne", Role.AUDITOR, namespace="payments")).get(PATH).content.decode()
    assert "local:rita" in seen
    assert "local:olga" not in seen
    assert "billing" not in seen
    everything = browser(person("max", Role.AUDITOR)).get(PATH).content.decode()
    assert "local:olga" in everything


def test_the_list_asks_for_itself_while_something_runs(rita: Person) -> None:
    a_year()
    client = browser(rita)
    assert "every 2s" not in client.get(PATH).content.decode()
    client.post(PATH, {"form": "csv", "tool": "<script>"})  # which nobody reads
    own = client.get(f"{PATH}newest/?mine=1").content.decode()
    for said in ("every 2s", "Running", "Counting what the search finds", "&lt;script&gt;"):
        assert said in own
    Export.objects.update(count=30, sent=12)
    whole = client.get(f"{PATH}newest/").content.decode()
    assert "12 of 30 entries sent" in whole
    assert '<progress max="30" value="12"' in whole


def test_the_page_of_results_offers_it_to_exporters(rita: Person) -> None:
    a_year()
    page = browser(rita).get("/search/?tool=drop").content.decode()
    assert '<input type="hidden" name="tool" value="drop">' in page
    assert f'action="{PATH}"' in page
    assert f'action="{PATH}"' not in browser(person("vera", Role.VIEWER)).get("/search/?tool=drop").content.decode()


# --- Clients that go away -------------------------------------------------------------------


def endless(closed: list[bool]) -> Generator[bytes]:
    try:
        while True:
            yield b""
            yield b"part"
    finally:
        closed.append(True)


def test_a_client_that_takes_nothing_is_let_go() -> None:
    closed: list[bool] = []

    async def serve() -> bytes:
        taken = b""
        async for part in sent(endless(closed), stall_seconds=0.05):
            taken += part
            if len(taken) > 8:
                await asyncio.Event().wait()  # as a send that never ends
        return taken

    with pytest.raises(asyncio.CancelledError):
        async_to_sync(serve)()
    assert closed == [True]


def test_a_client_that_goes_away_is_noticed(rita: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.PIECE", 2)
    scope, body = _scope(browser(rita).cookies[settings.SESSION_COOKIE_NAME].value), b"form=csv"
    messages: list[dict[str, Any]] = []

    async def visit() -> None:
        requests, is_full = iter([{"type": "http.request", "body": body, "more_body": False}]), asyncio.Event()

        async def receive() -> dict[str, Any]:
            for request in requests:
                return request
            await is_full.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)
            if len(messages) == 3:  # the client takes no more, and goes
                is_full.set()
                await asyncio.Event().wait()

        await asyncio.wait_for(application(scope, receive, send), 20)

    async_to_sync(visit)()
    start, first, second = messages
    assert start["status"] == 200
    assert first["body"].startswith(b'"at","namespace"')
    assert second["more_body"]
    row = newest()
    assert (row.state, row.slot, row.sent, row.count) == ("broken_off", None, 0, 12)
    assert "went away" in row.why


def test_whoever_loses_the_right_gets_no_more(rita: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    a_year()
    monkeypatch.setattr("audit.population.reading.PIECE", 2)
    answer: Any = browser(rita).post(PATH, {"form": "csv"})
    got = []

    async def take() -> None:
        async for part in answer:
            got.append(part)
            await sync_to_async(RoleGrant.objects.filter(person=rita).delete)()

    with pytest.raises(BrokenOff, match="changed meanwhile"):
        async_to_sync(take)()
    assert len(got) == 2, "the header, and the piece that was on its way"
    assert newest().state == "broken_off"


def _scope(cookie: str) -> dict[str, Any]:
    token = "a" * 32
    cookies = f"{settings.SESSION_COOKIE_NAME}={cookie}; {settings.CSRF_COOKIE_NAME}={token}"
    headers = {
        "host": "localhost:5050",
        "origin": settings.SITE_ROOT,
        "cookie": cookies,
        "x-csrftoken": token,
        "content-type": "application/x-www-form-urlencoded",
    }
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": PATH,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 9),
        "server": ("localhost", 5050),
    }
