"""A socket tells people only of what they may see, and ends within two seconds when they may see nothing more."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from accounts.models import Person, PersonSession, RoleGrant
from accounts.people.services import disable
from accounts.roles.contracts import Role
from accounts.roles.services import apply_groups, revoke
from accounts.sessions import services as sessions
from approvals.live import attendance, bus, consumers
from approvals.live.events import Event, LiveKind
from tests import people, same_database
from tests.approvals import factories
from tests.approvals.test_live import Socket, _open_socket, _publish, _socket

pytestmark = pytest.mark.django_db(transaction=True)
PROMISED_SECONDS = 2.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
async def _stopped_bus() -> AsyncIterator[None]:
    yield
    await bus.stop()
    assert not attendance._present


@database_sync_to_async
def _person(username: str, *roles: Role, namespace: str = "") -> Person:
    return people.person(username, *roles, namespace=namespace)


async def _closed_by(socket: Socket, act: Callable[[], Any]) -> int:
    """Do ``act``; return the code with which the socket closes. It has two seconds from then on."""
    await database_sync_to_async(act)()
    done_at = time.monotonic()
    closing = await socket.receive()
    assert closing["type"] == "websocket.close"
    assert time.monotonic() - done_at < PROMISED_SECONDS
    return int(closing["code"])


# --- What a socket tells --------------------------------------------------------------------


async def test_a_socket_tells_of_its_persons_namespaces_only() -> None:
    socket = await _open_socket(await _person("vera", Role.VIEWER, namespace="payments"))
    await database_sync_to_async(_publish)(
        Event("approval.requested", "req_elsewhere", "tnu_wrt_2", namespace="billing"),
        Event("key.enrolled", chain="keys"),
        Event("approval.requested", "req_unknown_place", "tnu_wrt_3"),
        Event("approval.requested", "req_12345678", "tnu_wrt_1", namespace="payments"),
    )
    assert (await socket.message())["request"] == "req_12345678"
    await socket.disconnect()


@pytest.mark.parametrize("chain", ["keys", "people"])
async def test_no_socket_tells_what_happens_to_people_and_keys(chain: str) -> None:
    socket = await _open_socket(await _person("vera", Role.VIEWER))
    await database_sync_to_async(_publish)(Event("person.disabled", chain=chain, sequence=3), Event("after"))
    assert (await socket.message())["kind"] == "after"
    await socket.disconnect()


async def test_a_socket_never_names_the_namespace_itself() -> None:
    socket = await _open_socket(await _person("vera", Role.VIEWER))
    await database_sync_to_async(_publish)(Event("approval.granted", "req_12345678", "tnu_wrt_1", namespace="payments"))
    assert set(await socket.message()) == {"kind", "request", "chain"}
    await socket.disconnect()


async def test_every_event_of_a_request_carries_its_namespace() -> None:
    def story() -> None:
        ada = factories.approver("ada")
        asked = factories.open_request(ada, namespace="payments")
        from approvals.decisions.services import record

        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))

    async with bus.subscribe() as events:
        await database_sync_to_async(story)()
        about: list[Event] = []
        while not about or about[-1].kind != LiveKind.DELIVERY_DUE:
            event = await asyncio.wait_for(anext(events), 5)
            if event.request_id:
                about.append(event)
    assert {event.namespace for event in about} == {"payments"}


async def test_whoever_loses_one_of_two_namespaces_keeps_the_socket_and_fetches_again() -> None:
    vera = await _person("vera", Role.VIEWER, namespace="payments")
    await database_sync_to_async(people.hold)(vera, Role.APPROVER, namespace="billing")
    socket = await _open_socket(vera)
    await database_sync_to_async(revoke)(person=vera, role=Role.APPROVER, namespace="billing", revoked_by="tests")
    assert (await socket.message())["kind"] == LiveKind.MISSED
    await database_sync_to_async(_publish)(
        Event("approval.requested", "req_elsewhere", namespace="billing"),
        Event("approval.requested", "req_12345678", namespace="payments"),
    )
    assert (await socket.message())["request"] == "req_12345678"
    await socket.disconnect()


# --- When it ends ---------------------------------------------------------------------------


async def test_disabling_a_person_ends_their_socket_within_two_seconds() -> None:
    vera, grace = await _person("vera", Role.VIEWER), await _person("grace", Role.APPROVER)
    socket, other = await _open_socket(vera), await _open_socket(grace)
    code = await _closed_by(socket, lambda: disable(person=vera, disabled_by="tests"))
    assert code == consumers.ANONYMOUS
    # Nobody else's socket is disturbed.
    await database_sync_to_async(_publish)(Event("after"))
    assert (await other.message())["kind"] == "after"
    await other.disconnect()


async def test_disabling_a_person_in_another_process_ends_their_socket_within_two_seconds() -> None:
    vera = await _person("vera", Role.VIEWER)
    socket = await _open_socket(vera)
    assert await _closed_by(socket, lambda: _manage("disable_person", "vera")) == consumers.ANONYMOUS
    assert not await PersonSession.objects.aexists()


async def test_taking_the_last_role_in_another_process_ends_the_socket_within_two_seconds() -> None:
    socket = await _open_socket(await _person("vera", Role.VIEWER))
    assert await _closed_by(socket, lambda: _manage("revoke_role", "vera", "viewer")) == consumers.ANONYMOUS


async def test_ending_a_session_from_elsewhere_ends_its_socket_and_no_other() -> None:
    vera = await _person("vera", Role.VIEWER)
    lost, kept = await _open_socket(vera), await _open_socket(vera)
    first = await PersonSession.objects.order_by("pk").afirst()
    assert first is not None
    code = await _closed_by(lost, lambda: sessions.end(person=vera, session_id=first.pk))
    assert code == consumers.ANONYMOUS
    await database_sync_to_async(_publish)(Event("after"))
    assert (await kept.message())["kind"] == "after"
    await kept.disconnect()


async def test_signing_out_ends_the_sockets_of_that_session() -> None:
    vera, client = await _person("vera", Role.VIEWER), Client()
    await database_sync_to_async(client.force_login)(vera)
    cookie = f"{next(iter(client.cookies))}={next(iter(client.cookies.values())).value}"
    socket = Socket([(b"origin", b"http://localhost:5050"), (b"cookie", cookie.encode())])
    await socket.connect()
    assert (await socket.message())["kind"] == LiveKind.READY
    assert await _closed_by(socket, lambda: client.post("/accounts/logout/")) == consumers.ANONYMOUS


async def test_leaving_the_only_group_ends_the_socket_within_two_seconds() -> None:
    vera = await _person("vera")
    await RoleGrant.objects.acreate(person=vera, role=Role.VIEWER, group="oncall", granted_by="group oncall")
    socket = await _open_socket(vera)
    code = await _closed_by(socket, lambda: apply_groups(person=vera, groups=[], roles_of={}))
    assert code == consumers.NO_ROLE


async def test_a_change_during_the_handshake_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    vera = await _person("vera", Role.VIEWER)
    socket = await _socket(vera)
    await database_sync_to_async(disable)(person=vera, disabled_by="tests")
    await socket.connect()
    assert (await socket.receive())["code"] == consumers.ANONYMOUS


async def test_one_query_a_second_serves_all_sockets_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, looks, twice = [], attendance.changed_since, asyncio.Event()
    loop = asyncio.get_running_loop()

    def count(moment: Any) -> Any:
        asked.append(loop.time())
        if len(asked) == 2:
            loop.call_soon_threadsafe(twice.set)
        return looks(moment)

    monkeypatch.setattr(attendance, "changed_since", count)
    sockets = [await _open_socket(await _person(f"vera{number}", Role.VIEWER)) for number in range(5)]
    await asyncio.wait_for(twice.wait(), 10)
    assert asked[1] - asked[0] >= attendance.LOOK_SECONDS
    for socket in sockets:
        await socket.disconnect()
    assert attendance._looking is None


def _manage(*arguments: str) -> None:
    """Run a command in a process of its own, on the test's database."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=same_database.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
