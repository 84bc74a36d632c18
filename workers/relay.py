"""The relay: takes decisions from the outbox and signals the workflows that wait for them.

Several relays may run: a job is claimed under a lease, and marked sent only after Temporal
acknowledged. If a relay dies in between, another one signals again when the lease is over, which is
harmless: a gate takes the same decision once.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.service import RPCError

from approvals.contracts import DECISION_SIGNAL
from approvals.delivery import handoff
from approvals.delivery.contracts import Job
from approvals.delivery.services import claim, mark_failed, mark_sent
from approvals.live.events import LiveKind
from workers.client import in_namespace
from workers.database import in_executor
from workers.runs import is_gone
from workers.waking import Waking

logger = logging.getLogger(__name__)

BATCH = 50
LEASE_SECONDS = 15
SIGNAL_SECONDS = 8
# The bus wakes the relay at once; this is for what the bus missed, for retries and for leases of dead relays.
POLL_SECONDS = 1.0
MOST_AT_ONCE = 200
MARK_PAUSE_SECONDS = 0.05


class Relay:
    """Delivers decisions until cancelled. ``client`` needs no plugins."""

    def __init__(self, client: Client, *, poll_seconds: float = POLL_SECONDS, lease_seconds: int = LEASE_SECONDS):
        self._clients = {client.namespace: client}
        self._client = client
        self._poll_seconds, self._lease_seconds = poll_seconds, lease_seconds
        self._waking = Waking(LiveKind.DELIVERY_DUE)
        self._deliveries: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Relay until cancelled; deliveries under way are finished first."""
        # One thread claims while another marks, so that a claim never waits behind a mark.
        with ThreadPoolExecutor(1, "relay-claim") as claiming, ThreadPoolExecutor(1, "relay-mark") as marking:
            self._claiming, self._marking = claiming, marking
            listener = asyncio.create_task(self._waking.listen(), name="relay-listen")
            leave = handoff.register(self._take(asyncio.get_running_loop()))
            try:
                while True:
                    await self._turn()
            finally:
                leave()
                listener.cancel()
                await asyncio.gather(listener, *self._deliveries, return_exceptions=True)

    async def _turn(self) -> None:
        while len(self._deliveries) >= MOST_AT_ONCE:
            await asyncio.wait(self._deliveries, return_when=asyncio.FIRST_COMPLETED)
        self._waking.clear()
        jobs = await self._claim()
        for job in jobs:
            self._start(job)
        if len(jobs) < BATCH:
            await self._waking.wait(self._poll_seconds)

    def _take(self, loop: asyncio.AbstractEventLoop) -> handoff.Take:
        def take(job: Job) -> None:
            loop.call_soon_threadsafe(self._start, job)

        return take

    def _start(self, job: Job) -> None:
        delivery = asyncio.create_task(self._deliver(job), name=f"deliver {job.decision.request_id}")
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _claim(self) -> list[Job]:
        try:
            return await in_executor(self._claiming, partial(claim, limit=BATCH, lease_seconds=self._lease_seconds))
        except Exception:
            logger.exception("The relay cannot read the outbox; decisions wait until it can.")
            return []

    async def _deliver(self, job: Job) -> None:
        try:
            await self._signal(job)
            outcome = partial(mark_sent, job_id=job.id)
            # The workflow goes on now, perhaps in this very process; writing that down can wait its turn.
            await asyncio.sleep(MARK_PAUSE_SECONDS)
        except RPCError as error:
            gone = is_gone(error)
            logger.warning("Decision on %s was not delivered: %s", job.decision.request_id, error.message)
            outcome = partial(mark_failed, job_id=job.id, error=error.message, gone=gone)
        except Exception as error:
            logger.exception("Decision on %s was not delivered.", job.decision.request_id)
            outcome = partial(mark_failed, job_id=job.id, error=f"{type(error).__name__}: {error}", gone=False)
        try:
            await in_executor(self._marking, outcome)
        except Exception:
            # The lease runs out and the decision is signalled again.
            logger.exception("The relay cannot write to the outbox about %s.", job.decision.request_id)

    async def _signal(self, job: Job) -> None:
        handle = self._client_for(job.namespace).get_workflow_handle(job.workflow_id, run_id=job.run_id)
        await handle.signal(DECISION_SIGNAL, job.decision, rpc_timeout=timedelta(seconds=SIGNAL_SECONDS))

    def _client_for(self, namespace: str) -> Client:
        if namespace not in self._clients:
            self._clients[namespace] = in_namespace(self._client, namespace)
        return self._clients[namespace]
