"""Telling Countersign which tools a worker has, so that whoever writes policies picks instead of typing.

It goes on beside the worker, and never keeps it from anything: what cannot be told is tried again later.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import logging
import typing
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Any, Protocol

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from approvals.contracts import APPROVALS_TASK_QUEUE, TOOL_REPORT_WORKFLOW, ToolRecord, ToolReport
from workers.gates import tenuo_internals

logger = logging.getLogger("countersign.gates")

# More are not listed anywhere.
MAXIMUM_TOOLS = 2_000
MAXIMUM_DESCRIPTION = 500
BATCH = 50
# What nobody says for a day counts as stale.
AGAIN_SECONDS = 6 * 3600.0
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 300.0
# A report that nobody takes is no use later: there will be another one.
PATIENCE = timedelta(hours=12)


class ToolSink(Protocol):
    """Where a worker in ``namespace`` says which tools it has. Whatever it raises, it is asked again later."""

    async def report(self, namespace: str, report: ToolReport) -> None: ...


class TemporalToolSink:
    """Hands reports to Countersign's workers by starting a workflow for each; ``client`` is one without plugins.

    Workers that have the same tools on one task queue start one together.
    """

    def __init__(self, client: Client, *, task_queue: str = APPROVALS_TASK_QUEUE) -> None:
        self._client = client
        self._task_queue = task_queue

    async def report(self, namespace: str, report: ToolReport) -> None:
        """Start the workflow. Raises ``RPCError`` while the server is away."""
        digest = hashlib.sha256(json.dumps(asdict(report), sort_keys=True).encode()).hexdigest()
        await self._client.start_workflow(
            TOOL_REPORT_WORKFLOW,
            report,
            id=f"countersign-tools/{report.task_queue}/{digest[:32]}",
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            execution_timeout=PATIENCE,
        )


@asynccontextmanager
async def reporting(
    sink: ToolSink | None, namespace: str, task_queue: str, functions: Mapping[str, Callable[..., Any]]
) -> AsyncIterator[None]:
    """Report the tools now and every few hours, for as long as the context is open."""
    if sink is None or not functions:
        yield
        return
    task = asyncio.create_task(_keep_reporting(sink, namespace, task_queue, functions), name="tool report")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_reporting(
    sink: ToolSink, namespace: str, task_queue: str, functions: Mapping[str, Callable[..., Any]]
) -> None:
    delay = FIRST_DELAY_SECONDS
    while True:
        try:
            for report in reports_of(task_queue, functions):
                await sink.report(namespace, report)
        except Exception as error:
            # Whatever it is: the worker does its work all the same.
            logger.warning("Which tools this worker has could not be reported (%s). It is tried again.", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
        else:
            delay = FIRST_DELAY_SECONDS
            await asyncio.sleep(AGAIN_SECONDS)


def reports_of(task_queue: str, functions: Mapping[str, Callable[..., Any]]) -> Iterator[ToolReport]:
    """Yield what a worker says of its activities, by name, in messages that Temporal takes."""
    if len(functions) > MAXIMUM_TOOLS:
        logger.warning("This worker has %s tools; the first %s are reported.", len(functions), MAXIMUM_TOOLS)
    listed = islice(functions.items(), MAXIMUM_TOOLS)
    while batch := [tool_of(name, function) for name, function in islice(listed, BATCH)]:
        yield ToolReport(task_queue, batch)


def tool_of(activity_type: str, function: Callable[..., Any]) -> ToolRecord:
    """Return what is to say about an activity: its parameters with their types, and the first paragraph about it."""
    hints = typing.get_type_hints(function)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    about, _, _ = (inspect.getdoc(function) or "").partition("\n\n")
    return ToolRecord(
        name=tenuo_internals.tool_name(activity_type, function),
        parameters=[one.name for one in parameters],
        types=[inspect.formatannotation(hints[one.name]) if one.name in hints else "" for one in parameters],
        required=[one.default is one.empty for one in parameters],
        description=" ".join(about.split())[:MAXIMUM_DESCRIPTION],
    )
