"""Sending what is made step by step to a client that may be slow, stop listening, or go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

T = TypeVar("T")

# A client that takes nothing for so long is let go.
STALL_SECONDS = 300
# All exports of a process take turns in these: pages do not wait for them, however many there are.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="exports")


async def sent(steps: Generator[bytes], *, stall_seconds: float = STALL_SECONDS) -> AsyncIterator[bytes]:
    """Yield what ``steps`` makes, each step in a thread, with no database connection in use while the client reads.

    ``steps`` may yield nothing, to say that it got on. It is closed when the client is gone, or takes nothing for
    ``stall_seconds``.
    """
    try:
        while (part := await _in_thread(_next)(steps)) is not None:
            if part:
                waiting = _let_go_after(stall_seconds)
                try:
                    yield part
                finally:
                    waiting.cancel()
    finally:
        await _in_thread(_close)(steps)


def _in_thread(step: Callable[[Generator[bytes]], T]) -> Callable[[Generator[bytes]], Awaitable[T]]:
    return sync_to_async(step, thread_sensitive=False, executor=_THREADS)


def _next(steps: Generator[bytes]) -> bytes | None:
    try:
        return next(steps, None)
    finally:
        close_old_connections()


def _close(steps: Generator[bytes]) -> None:
    try:
        steps.close()
    finally:
        close_old_connections()


def _let_go_after(seconds: float) -> asyncio.TimerHandle:
    """Cancel the task that sends, unless it has come back for more by then."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    return asyncio.get_running_loop().call_later(seconds, task.cancel)
