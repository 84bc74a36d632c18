"""Ending requests that nobody can decide any more: their workflow is gone, or their time.

Only what a Temporal server says for certain ends a request. A server that does not answer ends none.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial

from temporalio import activity
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.service import RPCError, RPCStatusCode

from approvals.contracts import APPROVALS_TASK_QUEUE
from approvals.requests import services as requests
from approvals.requests.queries import WaitingCall, unfinished
from workers import schedules
from workers.client import in_namespace
from workers.database import in_thread
from workers.runs import ending
from workers.sweep import SWEEP_ACTIVITY, SWEEP_WORKFLOW

logger = logging.getLogger(__name__)

SCHEDULE = "countersign-sweep"
BATCH = 200
AT_ONCE = 5
# How long one sweep looks at requests: some hundreds, beside a process's real work. The next goes on where it stopped.
SWEEP_SECONDS = 2.0
# A run and its request begin, and end, in one place before the other: neither is believed to be gone at once.
SETTLED = timedelta(seconds=30)
ENSURE_SECONDS = 60.0
# Not asked again in the same sweep. Any other error may be about the one request, whose address an agent has written.
_NO_SERVER = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED}


class Sweeper:
    """Looks at unfinished requests in turn. ``client`` needs no plugins."""

    def __init__(self, client: Client, *, settled: timedelta = SETTLED, batch: int = BATCH) -> None:
        self._client, self._settled, self._batch = client, settled, batch
        self._clients = {client.namespace: client}

    @activity.defn(name=SWEEP_ACTIVITY)
    async def sweep(self, after: str) -> str:
        """Sweep the requests whose ids follow ``after``; return the last id looked at, or nothing at the end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SWEEP_SECONDS
        await in_thread(partial(requests.expire_overdue, limit=self._batch))
        silent: set[str] = set()
        while loop.time() < until:
            calls = await in_thread(partial(unfinished, after=after, limit=self._batch, older_than=self._settled))
            await self._look_at(calls, silent)
            if len(calls) < self._batch:
                return ""
            after = calls[-1].request_id
        return after

    async def _look_at(self, calls: list[WaitingCall], silent: set[str]) -> None:
        """Withdraw what waits for nothing. Namespaces that do not answer are added to ``silent`` and left alone."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def look(call: WaitingCall) -> str | None:
            async with turn:
                return None if call.namespace in silent else await self._ending(call, silent)

        endings = await asyncio.gather(*(look(call) for call in calls))
        for call, reason in zip(calls, endings, strict=True):
            if reason is not None:
                await in_thread(partial(requests.withdraw, request_id=call.request_id, reason=reason))

    async def _ending(self, call: WaitingCall, silent: set[str]) -> str | None:
        try:
            return await ending(self._client_for(call.namespace), call.workflow_id, call.run_id, settled=self._settled)
        except RPCError as error:
            if error.status in _NO_SERVER:
                silent.add(call.namespace)
            logger.warning("Whether the run of %s goes on is not known: %s", call.request_id, error.message)
            return None

    def _client_for(self, namespace: str) -> Client:
        if namespace not in self._clients:
            self._clients[namespace] = in_namespace(self._client, namespace)
        return self._clients[namespace]


async def keep_schedule(client: Client, *, every: timedelta) -> None:
    """See to it that sweeps are scheduled, until cancelled: also on a server that has forgotten it."""
    while True:
        try:
            await ensure_schedule(client, every=every)
        except Exception:
            logger.exception("Sweeps cannot be scheduled; requests whose workflow is gone stay until they are.")
        await asyncio.sleep(ENSURE_SECONDS)


async def ensure_schedule(client: Client, *, every: timedelta, task_queue: str = APPROVALS_TASK_QUEUE) -> None:
    """Make the schedule of sweeps, or bring it to ``every``. Doing it again, or in two places at once, is harmless."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            SWEEP_WORKFLOW, id=SCHEDULE, task_queue=task_queue, execution_timeout=timedelta(minutes=2)
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    await schedules.ensure(client, SCHEDULE, schedule)
