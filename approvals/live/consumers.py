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
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseTrouble

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import NOWHERE, Reach, reach
from accounts.sessions.queries import is_open
from approvals.live import bus
from approvals.live.attendance import present
from approvals.live.events import Event, LiveKind
from approvals.looking.services import look, look_away
from approvals.requests.identifiers import is_request_id
from audit.ledger.chains import is_service_chain
from audit.statements.kinds import EntryKind

ANONYMOUS = 4401
NO_ROLE = 4404
TROUBLE = 1011
# Whoever loses their role or session is told of at once (``attendance``); this is for what nobody told of.
RECHECK_SECONDS = 60.0
_INTERNAL = frozenset({LiveKind.DELIVERY_DUE, LiveKind.NOTIFICATION_DUE, LiveKind.ACCESS_CHANGED})
_RECHECK = frozenset({LiveKind.ACCESS_CHANGED, LiveKind.MISSED})
# That some key was endorsed says nothing about whose: its owner's page asks.
_FOR_ALL = frozenset({LiveKind.MISSED, EntryKind.KEY_ENDORSED})


class LiveConsumer(AsyncWebsocketConsumer):
    """``/live/``: one JSON message {"kind", "request", "chain"} for each event of a namespace that the person may see.

    What browsers say is ignored.
    """

    _pump: asyncio.Task[None] | None = None
    _looks_at = ""

    async def connect(self) -> None:
        # Accepted first, because a browser never sees the code of a refused handshake.
        await self.accept()
        if self.scope["user"].is_authenticated:
            self._pump = asyncio.create_task(self._tell())
        else:
            await self.close(ANONYMOUS)

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

    async def _tell(self) -> None:
        try:
            await self._send_events()
        except DatabaseTrouble:
            # Whether this person may still watch cannot be asked. The page connects again by itself.
            await self.close(TROUBLE)

    async def _send_events(self) -> None:
        loop = asyncio.get_running_loop()
        async with bus.subscribe() as events:
            with present(self.scope["user"].pk, events):
                # Asked only now: what changes from here on is told.
                within = await self._reach_or_close()
                if not within:
                    return
                await self.send(Event(LiveKind.READY).message)
                await self._look(within)
                recheck_at = loop.time() + RECHECK_SECONDS
                while True:
                    event = await self._next(events, recheck_at - loop.time())
                    if loop.time() >= recheck_at or (event is not None and event.kind in _RECHECK):
                        recheck_at = loop.time() + RECHECK_SECONDS
                        before, within = within, await self._reach_or_close()
                        if not within:
                            return
                        if within != before:
                            # Other requests than before: let the page fetch again.
                            await self.send(Event(LiveKind.MISSED).message)
                        await self._look(within)
                    if event is not None and _is_for(within, event):
                        await self.send(event.message)

    async def _next(self, events: bus.Subscription, seconds: float) -> Event | None:
        """Return the next event, or None when there is none within ``seconds``."""
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                return await anext(events)
        except TimeoutError:
            return None

    async def _look(self, within: Reach) -> None:
        """Say that this page is open, now and again while it is."""
        asked = parse_qs(self.scope["query_string"].decode("ascii", errors="replace")).get("looking", [""])[0]
        if not is_request_id(asked):
            return
        self._looks_at = asked
        await database_sync_to_async(look)(socket=self._id, person=self.scope["user"], request_id=asked, within=within)

    async def _reach_or_close(self) -> Reach:
        """Return what the person may see now; close the socket if that is nothing."""
        signed_in, within = await self._ask()
        if not within:
            await self.close(NO_ROLE if signed_in else ANONYMOUS)
        return within

    @database_sync_to_async
    def _ask(self) -> tuple[bool, Reach]:
        """Ask the database anew: the session and person of a long-lived socket may have changed since it was opened."""
        if not is_open(self.scope["session"].session_key):
            return False, NOWHERE
        person = Person.objects.filter(pk=self.scope["user"].pk).first()
        return True, reach(person or AnonymousUser(), Role.VIEWER)


def _is_for(within: Reach, event: Event) -> bool:
    if event.kind in _FOR_ALL:
        return True
    if event.kind in _INTERNAL or is_service_chain(event.chain):
        return False
    return event.namespace in within
