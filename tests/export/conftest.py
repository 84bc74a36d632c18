"""A namespace with closed runs on the real server, and archives to export to."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from tests.aws import REGION, AwsServer, aws_server
from tests.export.runs import QUEUE, Ending, new_namespace
from workers.export.archives import Archive, open_archive
from workers.export.contracts import ExportOrder, ExportReport, Progress
from workers.export.exporting import Exporter


@pytest_asyncio.fixture(loop_scope="session")
async def client(live_temporal: Any) -> AsyncIterator[Client]:
    """A client for an empty namespace with a worker in it."""
    own = await new_namespace(live_temporal.client)
    async with Worker(own, task_queue=QUEUE, workflows=[Ending]):
        yield own
    await sync_to_async(connections.close_all)()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with aws_server(tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture
def bucket(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket with object lock, and the environment in which it is found."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return new_bucket(aws)


def new_bucket(aws: AwsServer, *, locked: bool = True) -> str:
    name = f"bucket-{uuid.uuid4()}"
    aws.client("s3").create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=locked,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    return name


async def export(
    client: Client,
    target: Path | str | Archive,
    *,
    until: datetime | None = None,
    progress: Progress | None = None,
    **how: Any,
) -> ExportReport:
    """Export all that is closed, as the activity does."""
    archive = target if not isinstance(target, Path | str) else open_archive(str(target))
    exporter = Exporter(client, archive, **{"retention": timedelta(days=1), **how})
    environment = ActivityEnvironment()
    if progress is not None:
        details = [{"number": progress.number, "stored": progress.stored}]
        environment.info = environment.info.__class__(**{**environment.info.__dict__, "heartbeat_details": details})
    until = until or datetime.now(UTC) + timedelta(hours=1)
    return await environment.run(exporter.export, ExportOrder(client.namespace, until.isoformat()))
