"""Rings that are loaded: how soon a rotation is seen, and what happens while they cannot be loaded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from audit.sealing import Ring
from workers.codec import rings as module
from workers.codec.errors import RingUnavailable
from workers.codec.rings import LoadedRings


class Source:
    """A database, as far as a ring goes."""

    def __init__(self) -> None:
        self.keys, self.loads, self.error = {"k1": b"1" * 32}, 0, None
        self.gate = threading.Event()
        self.gate.set()

    def rotate(self) -> str:
        key_id = f"k{len(self.keys) + 1}"
        self.keys = {**self.keys, key_id: bytes([len(self.keys)]) * 32}
        return key_id

    def load(self, name: str) -> Ring:
        self.gate.wait(5)
        self.loads += 1
        if self.error is not None:
            raise self.error
        return Ring(namespace=name, current=list(self.keys)[-1], keys=self.keys)

    error: Exception | None


@pytest.fixture
def source() -> Iterator[Source]:
    made = Source()
    yield made
    made.gate.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


async def test_a_thousand_payloads_load_once(source: Source, clock: list[float]) -> None:
    rings = LoadedRings(source.load)
    for _ in range(1000):
        assert (await rings.ring("prd")).current == "k1"
    assert source.loads == 1


async def test_an_idle_process_seals_with_the_new_key_two_seconds_later(source: Source, clock: list[float]) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    source.rotate()
    clock[0] += 2
    assert (await rings.ring("prd")).current == "k2"


async def test_a_busy_process_sees_it_without_waiting(source: Source, clock: list[float]) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    source.rotate()
    clock[0] += 1.1
    assert (await rings.ring("prd")).current == "k1"
    await rings.ring_with("prd", "k2")  # takes part in the load that is under way
    assert source.loads == 2
    assert (await rings.ring("prd")).current == "k2"


async def test_an_unknown_key_is_looked_up_at_once(source: Source) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    key_id = source.rotate()
    assert key_id in (await rings.ring_with("prd", key_id)).keys
    assert source.loads == 2


async def test_a_thousand_unknown_keys_do_not_make_a_thousand_queries(source: Source) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    found = await asyncio.gather(*(rings.ring_with("prd", f"unknown-{number}") for number in range(1000)))
    assert not any("unknown" in key for ring in found for key in ring.keys)
    assert source.loads <= 3


async def test_while_the_source_is_away_the_remembered_ring_serves(source: Source, clock: list[float]) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    source.error = ConnectionError("the database is away")
    clock[0] += 60
    for _ in range(100):
        assert (await rings.ring("prd")).current == "k1"
    assert source.loads == 2
    source.error = None
    source.rotate()
    clock[0] += 2
    assert (await rings.ring("prd")).current == "k2"


async def test_a_source_that_hangs_holds_nobody_up_for_long(
    source: Source, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    source.gate.clear()
    clock[0] += 60
    async with asyncio.timeout(2):
        for _ in range(100):
            assert (await rings.ring("prd")).current == "k1"


async def test_without_a_remembered_ring_the_reason_is_said(source: Source) -> None:
    source.error = ConnectionError("the database is away")
    rings = LoadedRings(source.load)
    with pytest.raises(RingUnavailable, match="the database is away"):
        await rings.ring("prd")
    with pytest.raises(RingUnavailable, match="the database is away"):
        await rings.ring_with("prd", "k1")


async def test_an_unknown_key_while_the_source_is_away_is_not_said_to_be_lost(source: Source) -> None:
    rings = LoadedRings(source.load)
    await rings.ring("prd")
    source.error = ConnectionError("the database is away")
    with pytest.raises(RingUnavailable):
        await rings.ring_with("prd", "k2")
