"""Putting ledger entries into the logs, every second, beside the relay. Any number of processes may do it at once."""

from __future__ import annotations

import asyncio
import logging

from audit.log.services import integrate
from workers.database import in_thread

logger = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
# After a failure, which people must look into.
PAUSE_SECONDS = 30.0


async def keep_integrating(*, every: float = EVERY_SECONDS, pause: float = PAUSE_SECONDS) -> None:
    """Integrate until cancelled. A failure is said loudly, and tried again: entries wait, and none is lost."""
    while True:
        try:
            await in_thread(integrate)
        except Exception:
            logger.exception("Ledger entries wait for their place in the logs, and nothing is signed of them.")
            await asyncio.sleep(pause)
        await asyncio.sleep(every)
