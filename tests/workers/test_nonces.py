"""Single use, wherever it is remembered: in memory, in the database, in a real Redis."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from approvals.contracts import ApprovalUse
from approvals.models import SpentNonce
from tests.workers.redis_server import RedisServer
from workers import crew, nonces
from workers.gates import nonces as gate_nonces
from workers.gates.errors import UnsafeSettings
from workers.gates.nonces import InMemoryNonceStore, NonceStore, NonceStoreDown
from workers.gates.redis_nonces import RedisNonceStore
from workers.nonces import DatabaseNonceStore

pytestmark = pytest.mark.django_db(transaction=True)


def uses(*names: str) -> list[ApprovalUse]:
    """Return one approval per name; the same name is the same approval."""
    return [ApprovalUse(name.encode() * 32, name.encode() * 16, int(time.time()) + 60) for name in names]


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(params=["memory", "database", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[NonceStore]:
    if request.param == "redis":
        redis = RedisNonceStore(request.getfixturevalue("redis_server").url)
        yield redis
        await redis.close()
    else:
        yield InMemoryNonceStore() if request.param == "memory" else DatabaseNonceStore()


async def test_one_of_fifty_dispatches_at_once_gets_the_approval(store: NonceStore) -> None:
    answers = await asyncio.gather(*(store.consume(uses("a"), owner=f"dispatch {number}") for number in range(50)))
    assert answers.count(True) == 1


async def test_a_retry_of_the_same_dispatch_passes_and_another_dispatch_does_not(store: NonceStore) -> None:
    assert await store.consume(uses("a", "b"), owner="dispatch 1")
    assert await store.consume(uses("b", "a"), owner="dispatch 1")
    assert not await store.consume(uses("a", "b"), owner="dispatch 2")


async def test_all_approvals_of_a_dispatch_are_spent_or_none(store: NonceStore) -> None:
    assert await store.consume(uses("b"), owner="dispatch 1")
    assert not await store.consume(uses("a", "b", "c"), owner="dispatch 2")
    assert await store.consume(uses("a", "c"), owner="dispatch 3"), "what was refused spent nothing"


async def test_the_same_approval_twice_in_one_dispatch_is_one_approval(store: NonceStore) -> None:
    assert await store.consume(uses("a", "a"), owner="dispatch 1")
    assert not await store.consume(uses("a"), owner="dispatch 2")


async def test_overlapping_sets_in_any_order_never_wait_for_each_other_for_ever(store: NonceStore) -> None:
    """Every two of these share an approval, so that one gets it: whoever it is, and nobody hangs."""
    for number in range(8):
        names = [f"{number}{letter}" for letter in "abc"]
        shares = {f"dispatch {order}": order for order in itertools.permutations(names, 2)}
        asking = [store.consume([named(name) for name in order], owner=owner) for owner, order in shares.items()]
        answers = await asyncio.wait_for(asyncio.gather(*asking), 30)
        winners = [owner for owner, won in zip(shares, answers, strict=True) if won]
        assert len(winners) == 1
        assert await store.consume([named(name) for name in shares[winners[0]]], owner=winners[0])


def named(name: str) -> ApprovalUse:
    return ApprovalUse(name.encode().ljust(32, b"."), name.encode().ljust(16, b"."), int(time.time()) + 60)


async def test_several_workers_share_what_was_used(redis_server: RedisServer) -> None:
    stores: list[list[NonceStore]] = [
        [DatabaseNonceStore(), DatabaseNonceStore()],
        [RedisNonceStore(redis_server.url), RedisNonceStore(redis_server.url)],
    ]
    for first, second in stores:
        assert await first.consume(uses("a"), owner="dispatch 1")
        assert not await second.consume(uses("a"), owner="dispatch 2")
        assert await second.consume(uses("a"), owner="dispatch 1")
    for redis in stores[1]:
        assert isinstance(redis, RedisNonceStore)
        await redis.close()


# --- Away ---------------------------------------------------------------------------------------


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[RedisNonceStore]:
    store = RedisNonceStore(redis_server.url)
    yield store
    await store.close()


async def test_a_redis_that_restarts_is_asked_again_and_remembers(
    redis: RedisNonceStore, redis_server: RedisServer
) -> None:
    assert await redis.consume(uses("a"), owner="dispatch 1")
    redis_server.stop()
    asking = asyncio.create_task(redis.consume(uses("a"), owner="dispatch 2"))
    await asyncio.to_thread(redis_server.start)
    assert not await asking
    assert await redis.consume(uses("b"), owner="dispatch 2")


async def test_a_redis_that_stays_away_refuses_and_spends_nothing(
    redis: RedisNonceStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await redis.consume(uses("a"), owner="dispatch 1")
    redis_server.stop()
    monkeypatch.setattr(gate_nonces, "DELAYS_SECONDS", (0.01, 0.01))
    with pytest.raises(NonceStoreDown, match="does not answer"):
        await redis.consume(uses("b"), owner="dispatch 2")
    await asyncio.to_thread(redis_server.start)
    assert await redis.consume(uses("b"), owner="dispatch 3")


async def test_a_redis_that_takes_the_question_and_never_answers_is_given_up(
    redis: RedisNonceStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await redis.consume(uses("a"), owner="dispatch 1")
    monkeypatch.setattr(gate_nonces, "PATIENCE_SECONDS", 0.5)
    redis_server.client.client_pause(3_000)
    with pytest.raises(NonceStoreDown):
        await redis.consume(uses("b"), owner="dispatch 2")


async def test_a_full_redis_refuses_and_forgets_nothing(
    redis: RedisNonceStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_nonces, "DELAYS_SECONDS", (0.01,))
    assert await redis.consume(uses("a"), owner="dispatch 1")
    redis_server.client.config_set("maxmemory", "1")
    with pytest.raises(NonceStoreDown):
        await redis.consume(uses("b"), owner="dispatch 2")
    redis_server.client.config_set("maxmemory", "0")
    assert not await redis.consume(uses("a"), owner="dispatch 2")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_redis_that_may_forget_is_refused_at_the_start_and_at_every_use(
    tmp_path: Path, settings: object, policy: str
) -> None:
    with RedisServer(tmp_path, **{"maxmemory-policy": policy}) as server:
        settings.REDIS_URL = server.url  # type: ignore[attr-defined]
        with pytest.raises(UnsafeSettings, match="Set maxmemory-policy noeviction"):
            await crew.nonce_store()
        store = RedisNonceStore(server.url)
        with pytest.raises(UnsafeSettings):
            await store.consume(uses("a"), owner="dispatch 1")
        await store.close()


async def test_a_worker_starts_without_its_redis_and_uses_it_when_it_is_there(
    redis_server: RedisServer, settings: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = redis_server.url  # type: ignore[attr-defined]
    redis_server.stop()
    store = await crew.nonce_store()
    assert "Calls that need approval wait" in caplog.text
    await asyncio.to_thread(redis_server.start)
    assert await store.consume(uses("a"), owner="dispatch 1")
    assert isinstance(store, RedisNonceStore)
    await store.close()


async def test_a_redis_without_persistence_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(tmp_path, appendonly="no") as server:
        store = RedisNonceStore(server.url)
        await store.check()
        await store.close()
    assert "Set appendonly yes" in caplog.text


async def test_redis_keeps_a_use_for_longer_than_the_approval_lives(
    redis: RedisNonceStore, redis_server: RedisServer
) -> None:
    late = ApprovalUse(secrets.token_bytes(32), secrets.token_bytes(16), int(time.time()) - 5)
    assert await redis.consume([late, *uses("a")], owner="dispatch 1")
    lives = sorted(redis_server.client.ttl(key) for key in redis_server.client.scan_iter())
    assert gate_nonces.KEPT_SECONDS - 5 <= lives[0] <= gate_nonces.KEPT_SECONDS
    assert gate_nonces.KEPT_SECONDS + 50 <= lives[1] <= gate_nonces.KEPT_SECONDS + 60


async def test_a_worker_without_redis_uses_the_database(settings: object) -> None:
    settings.REDIS_URL = ""  # type: ignore[attr-defined]
    assert isinstance(await crew.nonce_store(), DatabaseNonceStore)


async def test_a_database_that_is_back_soon_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([OperationalError("away"), OperationalError("away"), True])
    monkeypatch.setattr(nonces, "consume", _answering(answers))
    assert await DatabaseNonceStore().consume(uses("a"), owner="dispatch 1")


async def test_a_database_that_stays_away_refuses_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_nonces, "DELAYS_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(nonces, "consume", _answering(iter([OperationalError("away")] * 3)))
    with pytest.raises(NonceStoreDown, match="does not answer"):
        await DatabaseNonceStore().consume(uses("a"), owner="dispatch 1")
    assert not await SpentNonce.objects.aexists()


def _answering(answers: Iterator[object]) -> object:
    def consume(_: object, *, owner: str) -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return consume
