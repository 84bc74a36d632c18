"""The websocket of the pages. It carries ids only and holds no database connection.

``/live/?looking=<request id>`` says which request's page it belongs to, so that others see who is looking.
"""

from __future__ import annotations

import asyncio
import uuid
from functools import cached_property
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.looking.services import look, look_away
from approvals.requests.identifiers import is_request_id

ANONYMOUS = 4401
NO_ROLE = 4404
# Whoever loses their role or account loses the socket within this time.
RECHECK_SECONDS = 60.0
_INTERNAL = frozenset({LiveKind.DELIVERY_DUE})


class LiveConsumer(AsyncWebsocketConsumer):
    """``/live/``: one JSON message {"kind", "request", "chain"} for each event; what browsers say is ignored."""

    _pump: asyncio.Task[None] | None = None
    _looks_at = ""

    async def connect(self) -> None:
        # Accepted first, because a browser never sees the code of a refused handshake.
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.close(ANONYMOUS)
        elif not await self._may_watch():
            await self.close(NO_ROLE)
        else:
            self._pump = asyncio.create_task(self._send_events())

    @cached_property
    def _id(self) -> str:
        return uuid.uuid4().hex

    async def disconnect(self, code: int) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._looks_at:
            await database_sync_to_async(look_away)(socket=self._id)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what the browser says: the socket is for telling only."""

    async def _send_events(self) -> None:
        loop = asyncio.get_running_loop()
        async with bus.subscribe() as events:
            await self.send(Event(LiveKind.READY).message)
            await self._look()
            recheck_at = loop.time() + RECHECK_SECONDS
            while True:
                event = await self._next(events, recheck_at - loop.time())
                if loop.time() >= recheck_at:
                    recheck_at = loop.time() + RECHECK_SECONDS
                    if not await self._may_watch():
                        await self.close(NO_ROLE)
                        return
                    await self._look()
                if event is not None and event.kind not in _INTERNAL:
                    await self.send(event.message)

    async def _next(self, events: bus.Subscription, seconds: float) -> Event | None:
        """Return the next event, or None when there is none within ``seconds``."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                return await anext(events)
        except TimeoutError:
            return None

    async def _look(self) -> None:
        """Say that this page is open, now and again while it is."""
        asked = parse_qs(self.scope["query_string"].decode("ascii", errors="replace")).get("looking", [""])[0]
        if not is_request_id(asked):
            return
        self._looks_at = asked
        await database_sync_to_async(look)(socket=self._id, person=self.scope["user"], request_id=asked)

    @database_sync_to_async
    def _may_watch(self) -> bool:
        """Ask the database anew: the person of a long-lived socket may have changed since it was opened."""
        person = Person.objects.filter(pk=self.scope["user"].pk).first()
        return person is not None and has_role(person, Role.VIEWER)
