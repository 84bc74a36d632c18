"""kill -9 for the exporting process, again and again, wherever it is."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.aws import AwsServer
from tests.export.exporting_process import QUEUE
from tests.export.runs import listed, run
from tests.prepared import prepare
from tests.workers.processes import BASE, Installation
from workers.export import manifests
from workers.export.archives import Archive, Shelf, open_archive
from workers.export.chain import Chain
from workers.export.reading import Server
from workers.export.workflow import ExportWorkflow

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]
RUNS = 60
KILLS = 3


def start(installation: Installation, client: Client, target: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.export.exporting_process"]
    address = client.service_client.config.target_host
    return subprocess.Popen([*command, address, client.namespace, target], cwd=BASE, env=installation.environment)


def written(archive: Archive, namespace: str) -> int:
    return len(list(Shelf(archive, namespace).names("objects")))


async def stored(archive: Archive, client: Client, more: int) -> None:
    """Return when ``more`` objects were written, or all are."""
    before = await asyncio.to_thread(written, archive, client.namespace)
    async with asyncio.timeout(120):
        while await asyncio.to_thread(written, archive, client.namespace) < min(before + more, RUNS):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_an_export_that_is_killed_at_random_lists_every_run_once(
    client: Client, tmp_path: Path, aws: AwsServer, bucket: str
) -> None:
    target = f"s3://{bucket}"
    archive = open_archive(target)
    prepare(tmp_path)
    secret = {name: os.environ[name] for name in ("SECRET_KEY", "KEY_ENCRYPTION_KEY")}
    installation = Installation(tmp_path, EXPORT_TARGET=target, **secret, **aws.environment)
    await asyncio.gather(*(run(client) for _ in range(RUNS)))
    await listed(client, RUNS)
    # Windows of a second: everything is closed in one before the one that it begins in.
    exporting = await client.start_workflow(
        ExportWorkflow.run, client.namespace, id="exporting", task_queue=QUEUE, start_delay=timedelta(seconds=1)
    )
    process = start(installation, client, target)
    try:
        for _ in range(KILLS):
            await stored(archive, client, random.randrange(1, 15))
            process.kill()
            process.wait()
            process = start(installation, client, target)
        async with asyncio.timeout(120):
            await exporting.result()
    finally:
        process.kill()
        process.wait()
    shelf = Shelf(archive, client.namespace)
    chain = [Chain(shelf).read(manifests.number_in(name)) for name in shelf.names("manifests")]
    closed = await Server(client, client.namespace).closed(since=None, before=datetime.now(UTC))
    exported = Counter(entry.run_id for manifest in chain for entry in manifest.runs)
    assert exported == Counter(one.run_id for one in closed if one.workflow_id != "exporting")
    code, said = installation.run("verify_export", "--ledger")
    assert (code, f"{RUNS} runs: all as it was written" in said) == (0, True), said
