"""Fetching who is on call elsewhere, beside the notifier, which never waits for it.

One schedule after the other, each within bounded time. Several processes may do it: a schedule is claimed under a
lease. A process that stops leaves a fetch under way at once; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from django.utils import timezone

from approvals.on_call.elsewhere.fetching import fetch
from approvals.on_call.elsewhere.services import claim, keep
from approvals.on_call.elsewhere.settings import schedules
from workers.database import in_thread

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


async def keep_fetching(*, look_seconds: float = LOOK_SECONDS) -> None:
    """Fetch the schedules that are due, until cancelled."""
    named = schedules()
    if not named:
        await asyncio.Event().wait()  # a part that ends would end the process
    while True:
        try:
            name = await in_thread(partial(claim, named=list(named), now=timezone.now()))
            if name is not None:
                fetched = await fetch(named[name], timezone.now())
                await in_thread(partial(keep, name=name, fetched=fetched, now=timezone.now()))
                continue
        except Exception:
            logger.exception("Who is on call elsewhere was not fetched; it is tried again.")
        await asyncio.sleep(look_seconds)
