"""This installation's exports: where they go, of which namespaces, and the worker and schedules that make them."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from django.conf import settings
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.worker import Worker

from workers import schedules
from workers.errors import StartFailed
from workers.export.archives import Archive, open_archive
from workers.export.contracts import EXPORT_TASK_QUEUE, EXPORT_WORKFLOW
from workers.export.errors import TargetUnreachable, TargetUnusable
from workers.export.exporting import WINDOW, Exporter
from workers.export.workflow import ExportWorkflow

logger = logging.getLogger(__name__)

ENSURE_SECONDS = 60.0
# What a server lists lags behind what happened.
LAG = timedelta(minutes=1)
AT_ONCE = 2


def archive() -> Archive:
    """Return where exports of this installation are kept. Raises ``TargetUnusable`` if that is not set."""
    if not settings.EXPORT_TARGET:
        raise TargetUnusable("Set EXPORT_TARGET to where exports are kept: file:///folder or s3://bucket/prefix.")
    return open_archive(settings.EXPORT_TARGET)


def retention() -> timedelta:
    """Return how long what is exported is locked."""
    return timedelta(days=settings.EXPORT_RETENTION_DAYS)


def served() -> list[str]:
    """Return the namespaces whose histories are exported."""
    return [namespace.name for namespace in settings.NAMESPACES if namespace.served]


async def check() -> None:
    """Raise ``StartFailed`` if exports are asked for and cannot be kept. An archive that is away is waited for."""
    if not settings.EXPORT_TARGET:
        return
    try:
        await asyncio.to_thread(archive().check)
    except TargetUnusable as error:
        raise StartFailed(f"Histories cannot be exported. {error}") from None
    except TargetUnreachable as error:
        logger.error("%s Histories are exported as soon as it can.", error)


def build_worker(client: Client, *, graceful: timedelta) -> Worker:
    """Return the worker that exports. It is one of its own, so that a long export keeps nobody's request waiting."""
    exporter = Exporter(client, archive(), retention=retention())
    return Worker(
        client,
        task_queue=EXPORT_TASK_QUEUE,
        workflows=[ExportWorkflow],
        activities=[exporter.export],
        max_concurrent_activities=AT_ONCE,
        graceful_shutdown_timeout=graceful,
    )


async def keep_schedules(client: Client) -> None:
    """See to it that exports are scheduled, until cancelled: also on a server that has forgotten it."""
    while True:
        for namespace in served():
            try:
                await ensure_schedule(client, namespace)
            except Exception:
                logger.exception("Exports of %s cannot be scheduled; it is tried again.", namespace)
        await asyncio.sleep(ENSURE_SECONDS)


async def ensure_schedule(
    client: Client,
    namespace: str,
    *,
    every: timedelta = WINDOW,
    lag: timedelta = LAG,
    task_queue: str = EXPORT_TASK_QUEUE,
) -> None:
    """Make the schedule of exports of ``namespace``, or bring it up to date. Doing it again is harmless.

    While one export goes on, one more waits: what follows from the archive needs no start for every hour that passed.
    """
    name = f"countersign-export-{namespace}"
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(EXPORT_WORKFLOW, namespace, id=name, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=lag)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
    )
    # At once as well: a new installation, or one that was away, waits for no full hour.
    await schedules.ensure(client, name, schedule, trigger_immediately=True)
