"""The archive is ciphertext where payloads are encrypted; whoever has the ring sees the decision again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from temporalio.client import Client, ScheduleOverlapPolicy
from temporalio.worker import Worker

from audit.models import RingKey
from audit.rings.services import ensure_ring
from tests.export.conftest import export
from tests.export.runs import listed, new_namespace
from tests.replay import stories
from workers import rings
from workers.client import in_namespace
from workers.codec.rings import LoadedRings
from workers.crew import Keys
from workers.export import histories, installation, replaying
from workers.export.archives import Shelf, open_archive
from workers.export.exporting import Exporter
from workers.export.verifying import verify
from workers.export.workflow import ExportWorkflow

pytestmark = [
    pytest.mark.temporal,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session")
async def client(live_temporal: Any) -> AsyncIterator[Client]:
    """A client that encrypts, in a namespace of its own."""
    plain = await new_namespace(live_temporal.client)
    await sync_to_async(ensure_ring)(namespace=plain.namespace)
    yield in_namespace(plain, plain.namespace)
    await sync_to_async(connections.close_all)()


async def test_a_decision_is_exported_as_ciphertext_and_replayed_with_the_ring(client, bucket, monkeypatch) -> None:
    keys = stories.recording_keys()
    held = Keys({stories.HOLDER: bytes(keys.holder.secret_key_bytes())}, [keys.root], b"\x15" * 32)
    monkeypatch.setattr(replaying, "load_keys", lambda: held)
    await stories.tell(client, stories.injected, stories.PATIENT, is_incident=True)
    await listed(client, 1)
    target = f"s3://{bucket}/kept"
    await export(client, target)
    shelf = Shelf(open_archive(target), client.namespace)
    found = verify(open_archive(target), client.namespace)
    assert (found.runs >= 1, found.faults) == (True, [])
    for name in shelf.names("objects"):
        plain = histories.unpacked(shelf.get(name))
        for secret in (b"Not now.", b'"service"', b"P1042", b"external_id"):
            assert secret not in plain
        assert b"binary/encrypted" in plain

    def shown() -> str:
        output = StringIO()
        call_command(
            "replay_export", "replay-injection-denied", namespace=client.namespace, target=target,
            stdout=output, stderr=output,
        )  # fmt: skip
        return output.getvalue()

    told = await asyncio.to_thread(shown)
    for words in (
        "denied by local:lead",
        "Not now.",
        "the model answers: ",
        "Today's workflow code does the same again",
    ):
        assert words in told, told
    await RingKey.objects.all().adelete()
    monkeypatch.setattr(replaying, "process_rings", LoadedRings(rings.with_database(rings.ring_of)))
    with pytest.raises(CommandError, match="cannot be read"):
        await asyncio.to_thread(shown)


async def test_the_schedule_exports_by_itself_and_keeps_a_pause(client, folder, settings) -> None:
    settings.EXPORT_TARGET = str(folder)
    queue = f"exports-{client.namespace}"
    exporter = Exporter(client, installation.archive(), retention=timedelta(days=1), window=timedelta(seconds=1))
    second = timedelta(seconds=1)
    worker = Worker(client, task_queue=queue, workflows=[ExportWorkflow], activities=[exporter.export])
    async with worker:
        for _ in range(2):
            await installation.ensure_schedule(
                client, client.namespace, every=second, lag=timedelta(0), task_queue=queue
            )
        # What it exports are its own earlier runs.
        async with asyncio.timeout(60):
            while verify(open_archive(str(folder)), client.namespace).runs < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        handle = client.get_schedule_handle(f"countersign-export-{client.namespace}")
        await handle.pause()
    await installation.ensure_schedule(client, client.namespace, task_queue=queue)
    schedule = (await handle.describe()).schedule
    assert schedule.state.paused
    assert [(one.every, one.offset) for one in schedule.spec.intervals] == [(timedelta(hours=1), timedelta(minutes=1))]
    assert schedule.policy.overlap == ScheduleOverlapPolicy.BUFFER_ONE
    await handle.delete()
