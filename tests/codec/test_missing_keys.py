"""What happens to a workflow when a key is missing, or a message is too large: nothing is lost, and it is said."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from audit.sealing import Ring
from tests.codec.waiting import TooMuch, Waits, repeat, say_too_much
from workers.codec.converter import LARGEST_BYTES, client_options
from workers.codec.errors import PayloadTooLarge
from workers.codec.rings import FixedRings, LoadedRings, RingSource

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]

OLD = Ring(namespace="default", current="k1", keys={"k1": b"1" * 32})
NEW = Ring(namespace="default", current="k2", keys={**OLD.keys, "k2": b"2" * 32})
WITHOUT = Ring(namespace="default", current="k3", keys={"k3": b"3" * 32})
IMPOSTOR = Ring(namespace="default", current="k1", keys={"k1": b"x" * 32})


def with_rings(client: Client, rings: RingSource, *, refuses_plaintext: bool = False) -> Client:
    config = client.config()
    config.update(client_options(rings, "default", refuses_plaintext=refuses_plaintext))
    return Client(**config)


@asynccontextmanager
async def worker(client: Client, queue: str) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Waits, TooMuch],
        activities=[repeat, say_too_much],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    ):
        yield


@pytest.fixture
def queue() -> str:
    return f"keys-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def client(live_temporal: WorkflowEnvironment) -> Client:
    return live_temporal.client


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "temporalio")


async def start(client: Client, queue: str, text: str = "hello") -> WorkflowHandle[Waits, str]:
    # A task that failed is tried again when it has timed out.
    return await client.start_workflow(Waits.run, text, id=queue, task_queue=queue, task_timeout=timedelta(seconds=1))


async def task_failures(handle: WorkflowHandle[Waits, str]) -> list[str]:
    """Return the types of the failures by which workflow tasks failed."""
    events = (await handle.fetch_history()).events
    return [
        event.workflow_task_failed_event_attributes.failure.application_failure_info.type
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


async def until(ask: Callable[[], Awaitable[list[str]]]) -> list[str]:
    async with asyncio.timeout(20):
        while not (found := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def test_a_worker_without_the_key_tries_again_and_one_with_it_goes_on(client: Client, queue: str) -> None:
    handle = await start(with_rings(client, FixedRings(OLD)), queue)
    async with worker(with_rings(client, FixedRings(WITHOUT)), queue):
        assert await until(lambda: task_failures(handle)) == ["UnknownKey"]
    rotated = with_rings(client, FixedRings(NEW))
    async with worker(rotated, queue):
        await handle.signal(Waits.say, "world")
        assert await rotated.get_workflow_handle(queue).result() == "hello world"


async def test_a_worker_that_gets_the_key_later_goes_on_without_a_restart(client: Client, queue: str) -> None:
    rings = [WITHOUT]
    handle = await start(with_rings(client, FixedRings(NEW)), queue)
    async with worker(with_rings(client, LoadedRings(lambda name: rings[-1])), queue):
        assert await until(lambda: task_failures(handle)) == ["UnknownKey"]
        rings.append(NEW)
        await handle.signal(Waits.say, "world")
        assert await with_rings(client, FixedRings(NEW)).get_workflow_handle(queue).result() == "hello world"


async def test_a_worker_with_another_key_under_the_same_id_changes_nothing(client: Client, queue: str) -> None:
    handle = await start(with_rings(client, FixedRings(OLD)), queue)
    async with worker(with_rings(client, FixedRings(IMPOSTOR)), queue):
        assert await until(lambda: task_failures(handle)) == ["NotGenuine"]
    async with worker(with_rings(client, FixedRings(OLD)), queue):
        await handle.signal(Waits.say, "world")
        assert await handle.result() == "hello world"


async def test_a_workflow_that_began_in_plaintext_goes_on_encrypted(client: Client, queue: str) -> None:
    """So does one whose signals come from somebody without the codec."""
    handle = await start(client, queue)
    own = with_rings(client, FixedRings(OLD))
    async with worker(own, queue):
        await handle.signal(Waits.say, "world")
        assert await own.get_workflow_handle(queue).result() == "hello world"


async def test_where_plaintext_is_refused_it_waits_until_it_is_accepted(client: Client, queue: str) -> None:
    handle = await start(client, queue)
    async with worker(with_rings(client, FixedRings(OLD), refuses_plaintext=True), queue):
        assert await until(lambda: task_failures(handle)) == ["PlaintextRefused"]
    own = with_rings(client, FixedRings(OLD))
    async with worker(own, queue):
        await handle.signal(Waits.say, "world")
        assert await own.get_workflow_handle(queue).result() == "hello world"


@pytest.mark.parametrize("what", ["argument", "result", "own result"])
async def test_a_message_that_is_too_large_ends_the_run_and_does_not_hang_it(
    client: Client, queue: str, what: str
) -> None:
    own = with_rings(client, FixedRings(OLD))
    async with worker(own, queue):
        with pytest.raises(WorkflowFailureError) as failed:
            await own.execute_workflow(TooMuch.run, what, id=queue, task_queue=queue)
    cause = failed.value.cause
    if what == "result":
        assert isinstance(cause, ActivityError)
        cause = cause.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.details[0] > LARGEST_BYTES) == ("PAYLOAD_TOO_LARGE", True)
    assert "bytes once encrypted" in cause.message


async def test_a_workflow_can_catch_it(client: Client, queue: str) -> None:
    own = with_rings(client, FixedRings(OLD))
    async with worker(own, queue):
        told = await own.execute_workflow(TooMuch.run, "caught", id=queue, task_queue=queue)
    assert told.startswith("PAYLOAD_TOO_LARGE: This message has 2,09")


async def test_a_client_learns_it_before_anything_is_sent(client: Client, queue: str) -> None:
    with pytest.raises(PayloadTooLarge, match="Pass a reference"):
        await start(with_rings(client, FixedRings(OLD)), queue, "x" * LARGEST_BYTES)
