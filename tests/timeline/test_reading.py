"""Reading histories from the real server: there, gone, too long, and not in time."""

from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from tests.gateway.greeting import Greeting, greet
from workers.timeline import history, reading
from workers.timeline.contracts import Histories, RunAddress, StepState

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def client(live_temporal: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(reading, "shared", lambda: SimpleNamespace(plain=live_temporal.client))
    # The activity of this workflow stands in for the model's.
    monkeypatch.setattr(history, "CALL_MODEL_ACTIVITY", "greet")
    return live_temporal.client


async def greeted(client: Client) -> RunAddress:
    queue, run = f"queue-{uuid.uuid4()}", f"run-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Greeting], activities=[greet]):
        handle = await client.start_workflow(Greeting.run, "", id=run, task_queue=queue)
        await handle.execute_update(Greeting.set_name, "Ada")
        await handle.result()
    return RunAddress(run, str(handle.first_execution_run_id))


async def read(*runs: RunAddress) -> Histories:
    return await reading._histories("default", runs)


async def test_a_closed_run_is_read_without_its_worker(client: Client) -> None:
    found = await read(await greeted(client))
    (step,) = found.steps
    assert (step.name, step.state, step.attempts, step.is_model) == ("greet", StepState.ANSWERED, 1, True)
    assert step.milliseconds is not None
    assert found.missing == []


async def test_a_run_that_is_gone_is_said_so_and_the_others_are_read(client: Client) -> None:
    there = await greeted(client)
    found = await read(RunAddress("forgotten", str(uuid.uuid4())), there)
    assert [sentence for sentence in found.missing if "forgotten" in sentence] == found.missing != []
    assert len(found.steps) == 1


async def test_a_run_id_that_is_none_harms_nobody(client: Client) -> None:
    found = await read(RunAddress("x", "no run id"), RunAddress("y" * 2000, "z"))
    assert found.steps == []
    assert found.missing


async def test_a_long_history_is_read_to_a_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAXIMUM_EVENTS", 3)
    found = await read(await greeted(client))
    assert (found.steps, "longer than is read" in found.missing[0]) == ([], True)


async def test_a_server_that_hangs_keeps_nobody_waiting(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(reading, "WHOLE_SECONDS", 0.05)
    monkeypatch.setattr(reading, "_steps", hang)
    assert (await read(RunAddress("x", "y"))).missing == [reading.AWAY]


async def test_a_namespace_that_is_not_there_is_no_gone_history(client: Client) -> None:
    found = await reading._histories("no-such-namespace", [RunAddress("x", str(uuid.uuid4()))])
    assert found.missing == [reading.AWAY]
