"""Asking Temporal for an incident's histories: briefly, and never by a query, which would need a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from asgiref.sync import async_to_sync
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from workers.client import NoSharedClients, in_namespace, shared
from workers.runs import is_gone
from workers.timeline.contracts import Histories, RunAddress, Step
from workers.timeline.history import steps_of

# Seconds: of one answer, and of all together.
ANSWER_SECONDS = 4.0
WHOLE_SECONDS = 8.0
MAXIMUM_EVENTS = 20_000
AWAY = "Temporal does not answer, so the model's calls are missing here. What follows is from the ledger alone."
GONE = (
    "Temporal no longer has the history of workflow {workflow_id}: its retention time is over, or it was deleted. "
    "Its calls are shown from the ledger alone."
)
LONG = "The history of workflow {workflow_id} is longer than is read here: its end is missing."


def histories(namespace: str, runs: Sequence[RunAddress]) -> Histories:
    """Return the steps of ``runs``. What cannot be read is said in sentences; nothing is raised."""
    return async_to_sync(_histories)(namespace, runs)


async def _histories(namespace: str, runs: Sequence[RunAddress]) -> Histories:
    steps: list[Step] = []
    missing: list[str] = []
    try:
        client = in_namespace(shared().plain, namespace)
        async with asyncio.timeout(WHOLE_SECONDS):
            for run in runs:
                found, sentence = await _steps(client, run)
                steps += found
                missing += [sentence] if sentence else []
    except (NoSharedClients, TimeoutError, RPCError):
        missing.append(AWAY)
    return Histories(sorted(steps, key=lambda step: (step.at, step.event_id)), missing)


async def _steps(client: Client, run: RunAddress) -> tuple[list[Step], str]:
    """Return a run's steps and, if they are not all, why. Raises ``RPCError`` if Temporal gives no answer."""
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    events: list[HistoryEvent] = []
    try:
        async for event in handle.fetch_history_events(
            skip_archival=True, rpc_timeout=timedelta(seconds=ANSWER_SECONDS)
        ):
            events.append(event)
            if len(events) == MAXIMUM_EVENTS:
                return steps_of(run.run_id, events), LONG.format(workflow_id=run.workflow_id)
    except RPCError as error:
        if is_gone(error):
            return [], GONE.format(workflow_id=run.workflow_id)
        raise
    return steps_of(run.run_id, events), ""
