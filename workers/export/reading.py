"""What a Temporal server says of closed runs: bytes as it holds them, with no codec and no keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from workers.export import histories, manifests
from workers.runs import is_gone


@dataclass(frozen=True, slots=True)
class ClosedRun:
    """A run as the server lists it."""

    workflow_id: str
    run_id: str
    closed_at: datetime


class Server:
    """One namespace of a server. Every call raises ``RPCError`` if the server gives no answer."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.namespace = namespace
        self._client = Client(client.service_client, namespace=namespace)

    async def closed(self, *, since: datetime | None, before: datetime) -> list[ClosedRun]:
        """Return the runs that were closed from ``since`` (None: ever) until before ``before``."""
        query = f'CloseTime < "{_text(before)}"'
        if since is not None:
            query += f' AND CloseTime >= "{_text(since)}"'
        return [
            ClosedRun(run.id, run.run_id, run.close_time.astimezone(UTC))
            async for run in self._client.list_workflows(query)
            if run.close_time is not None
        ]

    async def first_close(self, *, before: datetime, step: timedelta) -> datetime:
        """Return the start of the first window that a closed run is in, or of the last one before ``before``."""
        closed = await self.closed(since=None, before=before)
        return min((manifests.floor(run.closed_at, step) for run in closed), default=before - step)

    async def object_of(self, workflow_id: str, run_id: str) -> bytes | None:
        """Return a run's object, or None if the server has it no more."""
        try:
            history = await self._client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        except RPCError as error:
            if is_gone(error):
                return None
            raise
        return await asyncio.to_thread(histories.to_object, history.events)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
