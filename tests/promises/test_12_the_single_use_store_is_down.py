"""Promise 12, with used approvals in Redis: while it is away no approved call runs, and no approval is burnt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gates import agents
from tests.promises.conftest import House
from tests.promises.test_12_when_countersign_is_down import allowed_calls_go_on, approved_calls, busy
from tests.workers.redis_server import RedisServer
from workers.gates import nonces
from workers.gates.redis_nonces import RedisNonceStore

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def trust(redis_server: RedisServer) -> dict[str, Any]:
    return {"nonces": RedisNonceStore(redis_server.url)}


async def test_approved_calls_wait_for_the_store_and_then_run_once(
    house: House, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nonces, "PATIENCE_SECONDS", 1.0)
    runs = await busy(house)
    requests = [await house.request_of(run) for run in runs]
    redis_server.stop()
    for waiting in requests:
        await house.approve(waiting)
    async with asyncio.timeout(60):
        while caplog.text.count("The store of used approvals does not answer") < len(runs):
            await allowed_calls_go_on(house, runs)
    assert approved_calls() == 0
    await asyncio.to_thread(redis_server.start)
    async with asyncio.timeout(90):
        assert await asyncio.gather(*(run.result() for run in runs)) == ["restarted checkout"] * len(runs)
    assert agents.effects.count("checkout/production") == len(runs)
    assert len(redis_server.client.keys()) == len(runs)
