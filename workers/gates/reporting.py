"""Receipts of a worker that has no database of Countersign's: they travel over Temporal."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from approvals.contracts import APPROVALS_TASK_QUEUE, CLOSING_REPORT_WORKFLOW, ClosingReport, ReceiptRecord

logger = logging.getLogger("countersign.gates")

CAPACITY = 10_000
BATCH = 50
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 15.0


class _Refused(Exception):
    """The server will not take this batch, however often it is sent."""


class TemporalReceiptSink:
    """Hands receipts to Countersign's workers by starting a workflow for each batch.

    A batch is durable once the Temporal server has it, whether or not Countersign is up. While the
    server is away it is tried for ever; ``lost`` counts what did not fit in memory meanwhile, and what the
    server refuses alone as well as in a batch, which also shows as a gap in the worker's sequence. ``client`` is one
    without the two plugins.
    """

    def __init__(self, client: Client, *, task_queue: str = APPROVALS_TASK_QUEUE) -> None:
        self.lost = 0
        self.client = client
        self._task_queue = task_queue
        self._waiting: deque[ReceiptRecord] = deque()
        self._sending: asyncio.Task[None] | None = None

    def write(self, record: ReceiptRecord) -> None:
        """Take ``record`` and return at once. Call it in the worker's event loop."""
        if len(self._waiting) >= CAPACITY:
            self.lost += 1
            logger.critical("A receipt is lost: %s others wait for Temporal. %s so far.", CAPACITY, self.lost)
            return
        self._waiting.append(record)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def flush(self) -> None:
        """Return when the Temporal server has everything written before."""
        while self._sending is not None and not self._sending.done():
            await asyncio.shield(self._sending)

    async def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            await self._send(batch)
            for _ in batch:
                self._waiting.popleft()

    async def _send(self, batch: list[ReceiptRecord]) -> None:
        """Send ``batch``, in smaller ones where the server finds it too large."""
        try:
            await self._insist(batch)
        except _Refused as refused:
            if len(batch) > 1:
                half = len(batch) // 2
                await self._send(batch[:half])
                await self._send(batch[half:])
                return
            self.lost += 1
            logger.critical("A receipt is lost: Temporal refuses it (%s). %s so far.", refused, self.lost)

    async def _insist(self, batch: list[ReceiptRecord]) -> None:
        """Start the workflow however long the server is away. Raises ``_Refused``."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                await self.client.start_workflow(
                    CLOSING_REPORT_WORKFLOW,
                    ClosingReport(receipts=batch),
                    # The same batch is the same workflow: sending it twice is harmless.
                    id=f"countersign-receipts/{batch[0].worker}/{batch[0].sequence}-{batch[-1].sequence}",
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                )
            except WorkflowAlreadyStartedError:
                return  # An earlier attempt got through, though its answer did not.
            except Exception as error:
                # Whatever it is: a task that ended here would end silently, and its receipts with it.
                if isinstance(error, RPCError) and _is_refusal(error, len(batch)):
                    raise _Refused(error.message) from error
                logger.error("%s receipts wait: Temporal does not take them (%s).", len(self._waiting), error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            else:
                return


def _is_refusal(error: RPCError, count: int) -> bool:
    """Whether waiting does not help. Exhausted is also a server that has too much to do: only what is split is not."""
    is_too_long = error.status == RPCStatusCode.RESOURCE_EXHAUSTED and "larger than max" in error.message
    return error.status == RPCStatusCode.INVALID_ARGUMENT or (is_too_long and count > 1)
