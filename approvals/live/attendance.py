"""Which people have sockets in this process, so that whoever's access changes is asked anew within a second.

One query a second per process that has sockets, however many there are and whoever made the change: a page here,
another process, or a command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from channels.db import database_sync_to_async
from django.db import Error as DatabaseTrouble
from django.utils import timezone

from accounts.sessions.changes import changed_since
from approvals.live.bus import Subscription
from approvals.live.events import Event, LiveKind

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_ACCESS_CHANGED = Event(LiveKind.ACCESS_CHANGED)

_present: dict[int, set[Subscription]] = {}
_looking: asyncio.Task[None] | None = None


@contextmanager
def present(person_id: int, events: Subscription) -> Iterator[None]:
    """Deliver ``ACCESS_CHANGED`` to ``events`` whenever the person's access changes, as long as the block lasts."""
    global _looking
    _present.setdefault(person_id, set()).add(events)
    if _looking is None or _looking.done() or _looking.get_loop() is not asyncio.get_running_loop():
        _looking = asyncio.create_task(_look(), name="countersign-attendance")
    try:
        yield
    finally:
        _present[person_id].discard(events)
        if not _present[person_id]:
            del _present[person_id]
        if not _present and _looking is not None:
            _looking.cancel()
            _looking = None


async def _look() -> None:
    since, seen = timezone.now(), dict[int, datetime]()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = timezone.now()
        try:
            changed = await database_sync_to_async(changed_since)(since)
        except DatabaseTrouble as error:
            logger.warning("Whose access changed cannot be asked, trying again: %s", type(error).__name__)
            continue
        for person_id, moment in changed:
            if seen.get(person_id) != moment:
                for events in list(_present.get(person_id, ())):
                    events.deliver(_ACCESS_CHANGED)
        since, seen = now, dict(changed)
