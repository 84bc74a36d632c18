"""Keeps the parts of one process together: all run, or the process stops."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from workers.errors import PartEnded, StartFailed

logger = logging.getLogger(__name__)

INTERRUPTED = 130


class Supervisor:
    """Watches parts and waits for the end: a signal, a part that ended by itself, or ``finish``."""

    def __init__(self) -> None:
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.is_interrupted = False

    def watch(self, name: str, part: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``part`` as a task. If it ends before the process does, the process stops."""
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(self._ended)
        return task

    def handle_signals(self) -> None:
        """Stop cleanly on the first SIGINT or SIGTERM, at once on the second."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)

    def finish(self, code: int) -> None:
        """Stop with exit code ``code``, unless something else ended the process before."""
        if not self._over.done():
            self._over.set_result(code)

    async def wait(self) -> int:
        """Return the exit code when it is time to stop. Raises ``PartEnded``."""
        return await self._over

    def _interrupt(self) -> None:
        if self.is_interrupted:
            os._exit(INTERRUPTED)
        self.is_interrupted = True
        sys.stderr.write("Stopping. Once more to stop at once.\n")
        self.finish(0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._over.done():
            return
        error = task.exception()
        if error is not None and not isinstance(error, StartFailed):
            logger.error("The part %r failed.", task.get_name(), exc_info=error)
        reason = str(error) or type(error).__name__ if error else "it returned"
        self._over.set_exception(PartEnded(f"The part {task.get_name()!r} ended by itself ({reason})."))
        # It counts as seen even if the process fails to start before anybody waits.
        self._over.exception()


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel ``task`` and wait until it is over."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
