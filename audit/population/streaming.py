"""Sending what is made step by step to a client that may be slow, stop listening, or go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator

from channels.db import database_sync_to_async

# A client that takes nothing for so long is let go.
STALL_SECONDS = 300


async def sent(steps: Generator[bytes], *, stall_seconds: float = STALL_SECONDS) -> AsyncIterator[bytes]:
    """Yield what ``steps`` makes, each step in a thread, with no database connection in use while the client reads.

    ``steps`` may yield nothing, to say that it got on. It is closed when the client is gone, or takes nothing for
    ``stall_seconds``.
    """
    step, close = database_sync_to_async(_next), database_sync_to_async(steps.close)
    try:
        while (part := await step(steps)) is not None:
            if part:
                waiting = _let_go_after(stall_seconds)
                try:
                    yield part
                finally:
                    waiting.cancel()
    finally:
        await close()


def _next(steps: Generator[bytes]) -> bytes | None:
    return next(steps, None)


def _let_go_after(seconds: float) -> asyncio.TimerHandle:
    """Cancel the task that sends, unless it has come back for more by then."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    return asyncio.get_running_loop().call_later(seconds, task.cancel)
