"""Promise 6: rings and the key-encryption key are rotated again and again while people decide, and nothing is lost.

``make rotation RUNS=200 SEED=20`` does the same for longer.
"""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import override_settings
from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer

from audit.rings.queries import _opened as opened_ring_keys
from audit.rings.queries import keys_of, ring_of
from audit.rings.services import rotate
from tests.gates import agents
from tests.promises.conftest import House, guarded_worker
from tests.turning import RUNS, SEED
from warrants.rewrapping.services import rewrap
from workers.client import options_for
from workers.codec.codec import KEY_FIELD
from workers.rings import process_rings

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

RESULT = "restarted checkout"


def rotate_ring() -> str:
    return rotate(namespace="default", by="test")


def rotate_key_encryption_key() -> dict[str, str]:
    """Give this process a new key, move everything to it, and forget the old one."""
    new = {"KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode()}
    with override_settings(**new, KEY_ENCRYPTION_KEY_PREVIOUS=settings.KEY_ENCRYPTION_KEY):
        moved = [one for one in rewrap() if one.was == "moved"]
    assert moved
    opened_ring_keys.cache_clear()
    return new


class Rotation:
    """Turns keys over until it is told to stop."""

    def __init__(self, dice: random.Random) -> None:
        self.rings = self.keys = 0
        self._dice, self._original = dice, settings.KEY_ENCRYPTION_KEY

    async def run(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self.once()
            await asyncio.sleep(self._dice.uniform(0.1, 0.4))

    async def once(self) -> None:
        if self._dice.random() < 0.7:
            await sync_to_async(rotate_ring)()
            self.rings += 1
        else:
            settings.KEY_ENCRYPTION_KEY = (await sync_to_async(rotate_key_encryption_key)())["KEY_ENCRYPTION_KEY"]
            self.keys += 1


@pytest.fixture
def rotation() -> Any:
    original = settings.KEY_ENCRYPTION_KEY
    yield Rotation(random.Random(SEED))
    settings.KEY_ENCRYPTION_KEY = original


@asynccontextmanager
async def own_worker(house: House, queue: str) -> AsyncIterator[None]:
    """A second guarded worker, as a process that has just started: it remembers no ring."""
    process_rings.forget()
    async with guarded_worker(house.plain, queue, house.settings) as (house.guarded, house.tenuo_plugin, _):
        yield


async def test_no_decision_and_no_run_is_lost_while_every_key_is_rotated(house: House, rotation: Rotation) -> None:
    dice, stopped = random.Random(SEED + 1), asyncio.Event()
    house.agent_queue = f"rotating-{uuid.uuid4().hex[:8]}"
    before = ring_key = (await sync_to_async(ring_of)("default")).current
    async with own_worker(house, house.agent_queue):
        waiting = [await house.waiting() for _ in range(RUNS // 2)]
    await rotation.once()
    await sync_to_async(rotate_ring)()  # in the middle of every run so far, while no worker is there
    turning = asyncio.create_task(rotation.run(stopped))
    async with own_worker(house, house.agent_queue):
        deciding = [asyncio.create_task(decide(house, *one, dice)) for one in waiting]
        deciding += [asyncio.create_task(decide(house, *await house.waiting(), dice)) for _ in range(RUNS - RUNS // 2)]
        assert await asyncio.gather(*deciding) == [RESULT] * RUNS
    stopped.set()
    await turning
    assert agents.effects == ["checkout/production"] * RUNS
    assert rotation.rings + rotation.keys > 1
    handles = [handle for handle, _ in waiting]
    assert {ring_key} < await keys_in(house, handles[0]), "it was not in the middle of a run"
    assert before in {row.pk for row in await sync_to_async(keys_of)("default")}
    await replay(house, handles)


async def decide(house: House, handle: WorkflowHandle[Any, Any], waiting: Any, dice: random.Random) -> str:
    await asyncio.sleep(dice.uniform(0, 1))
    await house.approve(waiting)
    return str(await handle.result())


async def keys_in(house: House, handle: WorkflowHandle[Any, Any]) -> set[str]:
    """Return the ids of all keys of the ring that sealed something in the run's history."""
    history = await house.plain.get_workflow_handle(handle.id).fetch_history()
    data = b"".join(event.SerializeToString() for event in history.events)
    assert KEY_FIELD.encode() in data
    return {row.pk for row in await sync_to_async(keys_of)("default") if row.pk.encode() in data}


async def replay(house: House, handles: list[WorkflowHandle[Any, Any]]) -> None:
    """Replay with a process that has only just read the ring, with all its old keys."""
    process_rings.forget()
    replayer = Replayer(
        workflows=agents.WORKFLOWS, plugins=[house.tenuo_plugin, house.gate_plugin], **options_for("default"),
        namespace="default",
    )  # fmt: skip
    for handle in handles:
        await replayer.replay_workflow(await house.plain.get_workflow_handle(handle.id).fetch_history())
