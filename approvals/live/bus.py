"""One event bus per process.

``publish`` is called inside the transaction that makes the change. On PostgreSQL it is a
``NOTIFY`` in that transaction, heard by one ``LISTEN`` connection in every process; on SQLite,
where one process does everything, events are handed over when the transaction commits.
Delivery is at most once: after ``LiveKind.MISSED``, and after every reconnect, fetch again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
from django.db import connection, transaction

from approvals.live.events import Event, LiveKind

logger = logging.getLogger(__name__)

CHANNEL = "countersign_live"
QUEUE_SIZE = 1000
RECONNECT_SECONDS = 1.0
_MISSED = Event(LiveKind.MISSED)


class Subscription:
    """The events of one subscriber, as an asynchronous iterator that never ends by itself."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE_SIZE)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()

    def deliver(self, event: Event) -> None:
        """Hand ``event`` over from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._put, event)
        except RuntimeError:  # its loop is closed: nobody listens any more
            _subscriptions.discard(self)

    def _put(self, event: Event) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            event = _MISSED
        self._queue.put_nowait(event)


_subscriptions: set[Subscription] = set()
_listener: asyncio.Task[None] | None = None


def publish(event: Event) -> None:
    """Push ``event`` to every subscriber once the current transaction commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, event.to_text()])
    else:
        transaction.on_commit(partial(_fan_out, event), robust=True)


@asynccontextmanager
async def subscribe() -> AsyncIterator[Subscription]:
    """Yield the events that are published from now on, as long as the block lasts."""
    await start()
    subscription = Subscription()
    _subscriptions.add(subscription)
    try:
        yield subscription
    finally:
        _subscriptions.discard(subscription)


async def start() -> None:
    """Listen for the events of other processes; once per process, harmless to repeat."""
    global _listener
    if connection.vendor != "postgresql" or _is_listening():
        return
    listening = asyncio.Event()
    _listener = asyncio.create_task(_listen(listening), name="countersign-live")
    await listening.wait()


async def stop() -> None:
    """Stop listening and give the connection back."""
    global _listener
    task, _listener = _listener, None
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _is_listening() -> bool:
    return _listener is not None and not _listener.done() and not _listener.get_loop().is_closed()


def _fan_out(event: Event) -> None:
    for subscription in list(_subscriptions):
        subscription.deliver(event)


async def _listen(listening: asyncio.Event) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**_connection_parameters(), autocommit=True) as database:
                await database.execute(f"LISTEN {CHANNEL}")
                if listening.is_set():
                    _fan_out(_MISSED)
                listening.set()
                async for notification in database.notifies():
                    _hear(notification.payload)
        except psycopg.Error as error:
            logger.warning("The live channel lost its database connection, trying again: %s", type(error).__name__)
        # Subscribers go on without live events rather than wait for a database that is away.
        listening.set()
        await asyncio.sleep(RECONNECT_SECONDS)


def _hear(payload: str) -> None:
    try:
        event = Event.from_text(payload)
    except (ValueError, RecursionError):
        logger.warning("Ignored a live event that cannot be read.")
        return
    _fan_out(event)


def _connection_parameters() -> dict[str, Any]:
    """Return the database's address without what only Django's own (pooled, synchronous) connections use."""
    parameters = connection.get_connection_params()
    return {name: value for name, value in parameters.items() if name not in ("pool", "cursor_factory", "context")}
