"""``python -m tests.export.exporting_process ADDRESS NAMESPACE TARGET``: a worker that exports, to be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

import django
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "exporting-process"


async def work(address: str, namespace: str, target: str) -> None:
    from audit.keys.contracts import Purpose
    from audit.keys.services import ensure_service_key
    from workers.export import workflow
    from workers.export.archives import open_archive
    from workers.export.exporting import Exporter

    await asyncio.to_thread(ensure_service_key, purpose=Purpose.LEDGER)
    # So that a test need not wait for what takes a quarter of a minute and more.
    workflow.HEARTBEAT = timedelta(seconds=2)
    workflow.RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=1)
    client = await Client.connect(address, namespace=namespace)
    exporter = Exporter(
        client, open_archive(target), retention=timedelta(days=2), window=timedelta(seconds=1), maximum_runs=25
    )
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[workflow.ExportWorkflow],
        activities=[exporter.export],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    asyncio.run(work(*sys.argv[1:]))
