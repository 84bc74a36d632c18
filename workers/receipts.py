"""Receipts of the workers in this process, on their way to the ledger.

``write`` costs an append to a queue; one thread writes whatever has gathered in one transaction.
While the database is away, full or not migrated, or what wraps the rings is, it tries again for ever and says so.
One receipt that cannot be written although the database takes others is given up after a minute. What cannot be kept
is counted aloud, and shows as a gap in the worker's sequence.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from django.db import DatabaseError, DataError, IntegrityError

from approvals.contracts import CallVerdict, ReceiptRecord
from audit.custody import CustodyError
from audit.sealing import SealingError
from workers.database import with_database
from workers.recording import MalformedRecord, record_receipts

logger = logging.getLogger(__name__)

CAPACITY = 50_000  # records; each is a few kilobytes
BATCH = 200
LINGER_SECONDS = 0.1
FIRST_DELAY_SECONDS = 0.05
LONGEST_DELAY_SECONDS = 15.0
# How often a receipt is tried with which something seems to be wrong: in its batch, then alone, for a minute.
BATCH_ATTEMPTS = 3
ATTEMPTS = 12

# The database's own trouble, or that of whoever keeps keys; anything else is the receipt's.
_PASSES = (DatabaseError, CustodyError, SealingError)
_STAYS = (DataError, IntegrityError)

Flush = Future  # resolved when everything written before it is durable


class _GivenUp(Exception):
    """Something is wrong with a receipt that nobody foresaw; says what."""


class DatabaseReceiptSink:
    """The ``ReceiptSink`` of a process that shares the application's database.

    ``lost`` counts receipts that did not reach the ledger: the queue was full, a record was malformed,
    or the process had to stop first.
    """

    def __init__(
        self, *, record: Callable[[Sequence[ReceiptRecord]], None] = record_receipts, capacity: int = CAPACITY
    ) -> None:
        self.lost = 0
        self._record = with_database(record)
        self._capacity = capacity
        self._waiting: deque[ReceiptRecord | Flush[None]] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._work, name="receipts", daemon=True)
        self._thread.start()

    def write(self, record: ReceiptRecord) -> None:
        """Take ``record`` and return at once. Safe from any thread."""
        with self._changed:
            full = len(self._waiting) >= self._capacity
            if not full:
                self._waiting.append(record)
                self._changed.notify()
        if full:
            self._count_loss(record, f"{self._capacity} others wait for the database")

    async def flush(self) -> None:
        """Return when everything written before is durable."""
        written: Flush[None] = Future()
        with self._changed:
            self._waiting.append(written)
            self._changed.notify()
        await asyncio.wrap_future(written)

    def close(self, *, timeout_seconds: float = 10) -> None:
        """Write what is left, for at most ``timeout_seconds``, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            self._abandoned.set()
            self._thread.join(1)
            for item in self._drain(len(self._waiting)):
                if isinstance(item, ReceiptRecord):
                    self._count_loss(item, "the process stops and the database does not answer")

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                # Nobody waits for the receipt of a call that was simply allowed: more of them make one transaction.
                self._changed.wait_for(self._is_urgent, LINGER_SECONDS)
                batch = self._drain(BATCH)
            if not batch:
                return
            self._write_batch([item for item in batch if isinstance(item, ReceiptRecord)])
            for item in batch:
                if isinstance(item, Future) and item.set_running_or_notify_cancel():
                    item.set_result(None)

    def _is_urgent(self) -> bool:
        return (
            self._stopping
            or len(self._waiting) >= BATCH
            or any(isinstance(item, Future) or item.verdict != CallVerdict.ALLOWED for item in self._waiting)
        )

    def _drain(self, limit: int) -> list[ReceiptRecord | Flush[None]]:
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def _write_batch(self, records: list[ReceiptRecord]) -> None:
        if not records:
            return
        try:
            self._insist(records)
        except (MalformedRecord, _GivenUp):
            # One that can never be written must not keep back the others.
            for record in records:
                try:
                    self._insist([record])
                except (MalformedRecord, _GivenUp) as error:
                    self._count_loss(record, str(error))

    def _insist(self, records: list[ReceiptRecord]) -> None:
        """Write ``records`` however long the database is away. Raises ``MalformedRecord`` and ``_GivenUp``."""
        delay, attempts = FIRST_DELAY_SECONDS, BATCH_ATTEMPTS if len(records) > 1 else ATTEMPTS
        while True:
            try:
                return self._record(records)
            except MalformedRecord:
                raise
            except Exception as error:
                if self._abandoned.is_set():
                    for record in records:
                        self._count_loss(record, "the process stops and the database does not answer")
                    return None
                attempts -= not _may_pass(error)
                if attempts == 0:
                    raise _GivenUp(f"the database takes others, and not this one ({type(error).__name__})") from error
                logger.error(
                    "%s receipts wait because they cannot be written (%s: %s); trying again in %.2f s.",
                    len(records) + len(self._waiting), type(error).__name__, error, delay,
                )  # fmt: skip
            self._abandoned.wait(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    def _count_loss(self, record: ReceiptRecord, reason: str) -> None:
        self.lost += 1
        logger.critical(
            "A receipt is lost (%s %s, %s of worker %s), %s so far: %s.",
            record.tool, record.verdict, record.sequence, record.worker, self.lost, reason,
        )  # fmt: skip


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _PASSES) and not isinstance(error, _STAYS)
