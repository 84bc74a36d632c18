"""The live queue: ids are pushed when a change is committed, to those who may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach
from approvals.decisions.services import record
from approvals.live import bus, consumers
from approvals.live.events import Event, LiveKind
from approvals.looking.queries import LOOKING_SECONDS
from approvals.looking.services import look
from approvals.models import ApprovalRequest, Looking
from approvals.notify import outbox
from approvals.notify.contracts import Answer, Result
from audit.ledger.services import append
from audit.statements.kinds import EntryKind
from config.asgi import application
from tests.approvals import factories

pytestmark = pytest.mark.django_db(transaction=True)
WAIT = 5.0


@pytest.fixture(autouse=True)
async def _stopped_bus() -> AsyncIterator[None]:
    yield
    await bus.stop()


async def _next(events: bus.Subscription) -> Event:
    return await asyncio.wait_for(anext(events), WAIT)


def _publish(*events: Event, fail: bool = False) -> None:
    with transaction.atomic():
        for event in events:
            bus.publish(event)
        if fail:
            transaction.set_rollback(True)


def _session_of(person: Person | None) -> str:
    client = Client()
    if person is not None:
        client.force_login(person)
        assert client.session[SESSION_KEY]
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return cookie.value if cookie else ""


class Socket:
    """A browser's websocket to the real ASGI application."""

    def __init__(self, headers: list[tuple[bytes, bytes]], query: str = "") -> None:
        scope = {"type": "websocket", "path": "/live/", "headers": headers, "subprotocols": []}
        scope["query_string"] = query.encode()
        self._application = ApplicationCommunicator(application, scope)

    async def connect(self) -> dict[str, Any]:
        """Return the answer to the handshake."""
        await self.send({"type": "websocket.connect"})
        return await self.receive()

    async def send(self, message: dict[str, Any]) -> None:
        await self._application.send_input(message)

    async def receive(self) -> dict[str, Any]:
        received: dict[str, Any] = await self._application.receive_output(WAIT)
        return received

    async def message(self) -> dict[str, str]:
        received: dict[str, str] = json.loads((await self.receive())["text"])
        return received

    async def disconnect(self) -> None:
        await self.send({"type": "websocket.disconnect", "code": 1000})
        await self._application.wait(WAIT)


async def _socket(person: Person | None, *, origin: str = settings.SITE_ROOT, query: str = "") -> Socket:
    session = await database_sync_to_async(_session_of)(person)
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
    return Socket([(b"origin", origin.encode()), (b"cookie", cookie.encode())], query)


async def _open_socket(person: Person, query: str = "") -> Socket:
    socket = await _socket(person, query=query)
    assert (await socket.connect())["type"] == "websocket.accept"
    assert (await socket.message())["kind"] == LiveKind.READY
    return socket


# --- The bus --------------------------------------------------------------------------------


async def test_every_subscriber_hears_what_is_committed() -> None:
    event = Event("approval.requested", "req_12345678", "tnu_wrt_1", 3)
    async with bus.subscribe() as first, bus.subscribe() as second:
        await database_sync_to_async(_publish)(event)
        assert await _next(first) == await _next(second) == event


async def test_nobody_hears_what_is_rolled_back() -> None:
    async with bus.subscribe() as events:
        await database_sync_to_async(_publish)(Event("never"), fail=True)
        await database_sync_to_async(_publish)(Event("after"))
        assert (await _next(events)).kind == "after"


async def test_a_subscriber_that_does_not_keep_up_is_told_to_fetch_again() -> None:
    async with bus.subscribe() as events:
        await database_sync_to_async(_publish)(*[Event("many", sequence=i) for i in range(bus.QUEUE_SIZE + 5)])
        seen = [await _next(events)]
        while seen[-1].sequence != bus.QUEUE_SIZE + 4:
            seen.append(await _next(events))
        assert LiveKind.MISSED in [event.kind for event in seen]


async def test_a_subscription_ends_with_its_block() -> None:
    async with bus.subscribe():
        pass
    assert not bus._subscriptions


async def test_a_gated_call_and_its_decision_are_announced() -> None:
    def story() -> str:
        ada = factories.approver("ada")
        asked = factories.open_request(ada)
        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
        return asked.pk

    async with bus.subscribe() as events:
        request_id = await database_sync_to_async(story)()
        seen: list[Event] = []
        while LiveKind.DELIVERY_DUE not in [event.kind for event in seen]:
            seen.append(await _next(events))
    about = [(event.kind, event.sequence) for event in seen if event.request_id == request_id]
    assert about == [
        (EntryKind.APPROVAL_REQUESTED, 1),
        (EntryKind.APPROVAL_GRANTED, 2),
        (LiveKind.DELIVERY_DUE, 0),
    ]


async def test_a_receipt_that_claims_a_huge_request_id_is_announced_without_it() -> None:
    def receipt() -> None:
        with transaction.atomic():
            append(chain="tnu_wrt_1", kind=EntryKind.CALL_ALLOWED, details={"request_id": "x" * 20_000})

    async with bus.subscribe() as events:
        await database_sync_to_async(receipt)()
        assert await _next(events) == Event(EntryKind.CALL_ALLOWED, "", "tnu_wrt_1", 1)


async def test_the_bus_listens_again_after_its_connection_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("Only PostgreSQL has a connection to lose.")
    monkeypatch.setattr(bus, "RECONNECT_SECONDS", 0.05)

    def cut() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query ILIKE 'LISTEN%%' AND pid <> pg_backend_pid()"
            )

    async with bus.subscribe() as events:
        await database_sync_to_async(cut)()
        assert (await _next(events)).kind == LiveKind.MISSED
        await database_sync_to_async(_publish)(Event("after"))
        assert (await _next(events)).kind == "after"


@pytest.mark.parametrize("text", ["", "{}", "[]", '["a",1,2,3]', "not json", '["a","b","c","d"]', "[" * 10_000])
async def test_a_notification_that_makes_no_sense_is_ignored(text: str) -> None:
    async with bus.subscribe() as events:
        bus._hear(text)
        bus._hear(Event("after").to_text())
        assert (await _next(events)).kind == "after"


# --- The socket -----------------------------------------------------------------------------


async def test_a_viewer_gets_ids_and_nothing_else() -> None:
    viewer = await database_sync_to_async(factories.person)("vera", role=Role.VIEWER)
    socket = await _open_socket(viewer)
    await database_sync_to_async(_publish)(
        Event(LiveKind.DELIVERY_DUE, "req_12345678"), Event("approval.granted", "req_12345678", "tnu_wrt_1", 9)
    )
    assert await socket.message() == {"kind": "approval.granted", "request": "req_12345678", "chain": "tnu_wrt_1"}
    await socket.disconnect()
    assert not bus._subscriptions


async def test_an_open_page_hears_that_somebody_was_told_and_not_that_somebody_is_to_be(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example"
    viewer = await database_sync_to_async(factories.person)("vera", role=Role.VIEWER)
    socket = await _open_socket(viewer)

    def story() -> str:
        ada = factories.approver("ada")
        Person.objects.filter(pk=ada.person.pk).update(email="ada@mail.example")
        asked = factories.open_request(ada)
        job = outbox.claim(channel="mail")
        assert job is not None
        outbox.answered(job=job, answer=Answer(Result.SENT, "Taken."))
        return asked.pk

    request_id = await database_sync_to_async(story)()
    heard = []
    while not heard or heard[-1]["kind"] != LiveKind.NOTIFIED:
        heard.append(await socket.message())
    assert (heard[-1]["request"], heard[-1]["chain"]) == (request_id, "")
    assert LiveKind.NOTIFICATION_DUE not in [message["kind"] for message in heard]
    await socket.disconnect()


async def test_what_a_browser_says_is_ignored() -> None:
    viewer = await database_sync_to_async(factories.person)("vera", role=Role.VIEWER)
    socket = await _open_socket(viewer)
    await socket.send({"type": "websocket.receive", "text": '{"kind": "approval.granted"}' * 1000})
    await socket.send({"type": "websocket.receive", "bytes": b"\x00\xff" * 1000})
    await database_sync_to_async(_publish)(Event("after"))
    assert (await socket.message())["kind"] == "after"
    await socket.disconnect()


async def _close_code(socket: Socket) -> int:
    await socket.connect()
    closing = await socket.receive()
    assert closing["type"] == "websocket.close"
    return int(closing["code"])


async def test_an_anonymous_visitor_is_turned_away() -> None:
    assert await _close_code(await _socket(None)) == consumers.ANONYMOUS


async def test_an_outsider_is_turned_away() -> None:
    outsider = await database_sync_to_async(factories.person)("oscar", role=None)
    assert await _close_code(await _socket(outsider)) == consumers.NO_ROLE


async def test_the_session_of_a_deactivated_person_opens_nothing() -> None:
    viewer = await database_sync_to_async(factories.person)("vera")
    socket = await _socket(viewer)
    await database_sync_to_async(Person.objects.update)(is_active=False)
    assert await _close_code(socket) == consumers.ANONYMOUS


async def test_a_person_who_is_deactivated_loses_the_open_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.05)
    viewer = await database_sync_to_async(factories.person)("vera")
    socket = await _open_socket(viewer)
    await database_sync_to_async(Person.objects.update)(is_active=False)
    closing = await socket.receive()
    assert (closing["type"], closing["code"]) == ("websocket.close", consumers.NO_ROLE)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost.evil.example"])
async def test_another_site_cannot_open_the_socket(origin: str) -> None:
    viewer = await database_sync_to_async(factories.person)("vera")
    answer = await (await _socket(viewer, origin=origin)).connect()
    assert answer["type"] == "websocket.close"


# --- Who is looking -------------------------------------------------------------------------


def _asked() -> tuple[Person, Person, str]:
    """Return Ada, Grace and the id of a request that asks for Ada."""
    ada, grace = factories.approver("ada"), factories.person("grace", display_name="Grace Hopper")
    return ada.person, grace, factories.open_request(ada).pk


def _seen_by(person: Person, request_id: str) -> tuple[str, str]:
    """Return the request's card in the queue, and its page, as ``person`` sees them."""
    client = Client()
    client.force_login(person)
    card = client.get(f"/approvals/{request_id}/card/").content.decode()
    return card, client.get(f"/approvals/{request_id}/progress/").content.decode()


async def test_others_see_who_has_a_request_open_for_as_long_as_it_is_open() -> None:
    ada, grace, request_id = await database_sync_to_async(_asked)()
    async with bus.subscribe() as events:
        socket = await _open_socket(grace, f"looking={request_id}")
        assert await _next(events) == Event(LiveKind.LOOKING, request_id, await _chain(request_id), namespace="default")
        card, page = await database_sync_to_async(_seen_by)(ada, request_id)
        assert "Grace Hopper is looking" in card
        since = (await Looking.objects.aget()).since
        assert f'is looking, <time-since data-since="{int(since.timestamp())}">' in card
        assert f'<strong>Grace Hopper</strong>, <time-since data-since="{int(since.timestamp())}">' in page
        _, own = await database_sync_to_async(_seen_by)(grace, request_id)
        assert "Looking at this now" not in own
        await socket.disconnect()
        assert (await _next(events)).kind == LiveKind.LOOKING
    card, page = await database_sync_to_async(_seen_by)(ada, request_id)
    assert "looking" not in card
    assert "Looking" not in page


async def test_two_pages_of_one_person_are_one_person() -> None:
    ada, grace, request_id = await database_sync_to_async(_asked)()
    sockets = []
    async with bus.subscribe() as events:
        for who in (grace, grace, ada):
            sockets.append(await _open_socket(who, f"looking={request_id}"))
            assert (await _next(events)).kind == LiveKind.LOOKING
    card, page = await database_sync_to_async(_seen_by)(ada, request_id)
    assert "Ada and 1 more are looking" in card
    assert page.count("Grace Hopper") == 1
    oldest = await Looking.objects.filter(person=grace).order_by("since").afirst()
    assert oldest is not None
    assert f"{oldest.since:since %H:%M} UTC" in page
    for socket in sockets:
        await socket.disconnect()


async def test_who_was_left_behind_by_a_killed_process_is_forgotten() -> None:
    ada, grace, request_id = await database_sync_to_async(_asked)()
    long_ago = timezone.now() - timedelta(seconds=LOOKING_SECONDS + 1)
    times = {"since": long_ago, "seen_at": long_ago}
    await Looking.objects.acreate(socket="dead", approval_request_id=request_id, person=grace, **times)
    card, page = await database_sync_to_async(_seen_by)(ada, request_id)
    assert "looking" not in card
    assert "Looking" not in page
    await database_sync_to_async(look)(
        socket="live", person=ada, request_id=request_id, within=Reach(True, frozenset())
    )
    assert [row.socket async for row in Looking.objects.all()] == ["live"]


@pytest.mark.parametrize(
    "query", ["looking=req_unknown_0000", "looking=", "looking=%00%ff", "looking=../../x", "x=" * 99]
)
async def test_looking_at_nothing_is_noted_nowhere(query: str) -> None:
    viewer = await database_sync_to_async(factories.person)("vera", role=Role.VIEWER)
    socket = await _open_socket(viewer, query)
    await database_sync_to_async(_publish)(Event("after"))
    assert (await socket.message())["kind"] == "after"
    assert not await Looking.objects.aexists()
    await socket.disconnect()


async def _chain(request_id: str) -> str:
    return (await ApprovalRequest.objects.aget(pk=request_id)).chain
