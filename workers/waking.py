"""Waking a loop when the bus says that something is due. What the bus missed, it finds when it looks by itself."""

from __future__ import annotations

import asyncio

from approvals.live import bus
from approvals.live.events import LiveKind


class Waking:
    """Wakes on ``kind``, and whenever the bus missed something. ``listen`` runs beside the loop that waits."""

    def __init__(self, kind: LiveKind) -> None:
        self._kinds = {kind, LiveKind.MISSED}
        self._due = asyncio.Event()

    async def listen(self) -> None:
        async with bus.subscribe() as events:
            async for event in events:
                if event.kind in self._kinds:
                    self._due.set()

    def clear(self) -> None:
        """Begin a turn: what is said from now on wakes the next ``wait``."""
        self._due.clear()

    async def wait(self, seconds: float) -> None:
        """Return when something is due, at the latest after ``seconds``."""
        try:
            await asyncio.wait_for(self._due.wait(), seconds)
        except TimeoutError:
            return
