"""The rings of a process: read from the database, and again in time for a rotation elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections
from django.test import override_settings
from temporalio.client import Client

from audit.rings.services import ensure_ring, rotate
from tests.workers.processes import free_port
from workers.client import connect, in_namespace, options_for
from workers.codec.codec import PayloadEncryption
from workers.errors import StartFailed
from workers.rings import process_rings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest_asyncio.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


def rotated() -> str:
    return rotate(namespace="prd", by="somebody else")


async def test_a_rotation_is_noticed_within_two_seconds_without_a_restart() -> None:
    await sync_to_async(ensure_ring)(namespace="prd")
    old = (await process_rings.ring("prd")).current
    new = await sync_to_async(rotated)()
    began = time.monotonic()
    async with asyncio.timeout(20):
        while (await process_rings.ring("prd")).current != new:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert time.monotonic() - began < 2.5  # two seconds, and half of one for a busy machine
    assert old in (await process_rings.ring("prd")).keys


async def test_a_payload_under_a_key_that_was_made_this_moment_opens() -> None:
    await sync_to_async(ensure_ring)(namespace="prd")
    await process_rings.ring("prd")
    new = await sync_to_async(rotated)()
    assert new in (await process_rings.ring_with("prd", new)).keys


async def test_a_database_that_is_away_leaves_the_remembered_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    await sync_to_async(ensure_ring)(namespace="prd")
    known = await process_rings.ring("prd")

    def away(namespace: str) -> None:
        raise DatabaseError("the database is away")

    monkeypatch.setattr(process_rings, "_load", away)
    held = process_rings._held["prd"]
    held.loaded_at, held.rests_until = held.loaded_at - 60, held.loaded_at - 60  # as if a minute had passed
    assert await process_rings.ring("prd") == known


async def test_without_a_ring_the_process_does_not_start() -> None:
    with pytest.raises(StartFailed, match=r"'default'.*was manage\.py setup run"):
        await connect(address=f"127.0.0.1:{free_port()}")


async def test_every_namespace_has_its_own_ring_and_its_own_way() -> None:
    plain = await Client.connect("127.0.0.1:9", lazy=True, namespace="default")
    codec = in_namespace(plain, "prd").data_converter.payload_codec
    assert isinstance(codec, PayloadEncryption)
    assert (codec.namespace, codec.seals, codec.refuses_plaintext) == ("prd", True, False)
    with override_settings(PAYLOAD_ENCRYPTION={"": "on", "prd": "required", "dev": "off"}):
        for namespace, seals, refuses in (("prd", True, True), ("dev", False, False), ("stg", True, False)):
            codec = options_for(namespace)["data_converter"].payload_codec
            assert isinstance(codec, PayloadEncryption)
            assert (codec.seals, codec.refuses_plaintext) == (seals, refuses)
