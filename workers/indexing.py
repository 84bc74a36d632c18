"""Keeping the search index up to date, beside the relay. Any number of processes may do it at once."""

from __future__ import annotations

import asyncio
import logging

from audit.search.indexing import index
from workers.database import in_thread

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
# After a failure, which people must look into.
PAUSE_SECONDS = 30.0


async def keep_indexing(*, every: float = EVERY_SECONDS, pause: float = PAUSE_SECONDS) -> None:
    """Index until cancelled. A failure is said loudly, and tried again: entries wait, and none is left out."""
    while True:
        try:
            await in_thread(index)
        except Exception:
            logger.exception("New ledger entries are not in the search index, and no search finds them.")
            await asyncio.sleep(pause)
        await asyncio.sleep(every)
