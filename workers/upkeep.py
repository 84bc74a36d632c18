"""What one process does once a day, beside the relay: check the ledger, and remove what is no longer kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Event

from approvals.notify.forgetting import forget_if_due
from audit.log.scheduled import check_if_due
from audit.retention.scheduled import apply_if_due
from workers.database import in_thread

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0


async def keep_checking(*, every: float = LOOK_SECONDS) -> None:
    """Check the ledger whenever it is due, until cancelled."""
    await _keep(check_if_due, "The ledger was not checked; it is tried again.", every)


async def keep_applying(*, every: float = LOOK_SECONDS) -> None:
    """Remove what is no longer kept whenever that is due, until cancelled."""
    await _keep(apply_if_due, "What is no longer kept was not removed; it is tried again.", every)


async def keep_forgetting(*, every: float = LOOK_SECONDS) -> None:
    """Let go of who was told of what whenever that is due, until cancelled."""
    await _keep(forget_if_due, "Who was told of what was not let go of; it is tried again.", every)


async def _keep(do_if_due: Callable[[Event], object], failure: str, every: float) -> None:
    stop = Event()
    try:
        while True:
            try:
                await in_thread(do_if_due, stop)
            except Exception:
                logger.exception(failure)
            await asyncio.sleep(every)
    finally:
        # A thread cannot be cancelled: it ends by itself, before the process does.
        stop.set()
