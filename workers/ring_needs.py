"""Who still needs an old key of a ring: runs and schedules that Temporal keeps, and the archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from temporalio.client import Client
from temporalio.service import RPCError

from audit.ledger.chains import Subject, namespace_chain
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from workers.client import in_namespace
from workers.database import in_thread

# Until every process has noticed a rotation, and clocks agree.
SETTLED = timedelta(minutes=1)


async def needs(client: Client, *, namespace: str, key_id: str, until: datetime) -> list[str]:
    """Return, as sentences, what needs the key that sealed ``until`` then. Nothing that cannot be found out is denied.

    What Temporal still lists, running or closed, is within retention.
    """
    client = in_namespace(client, namespace)
    latest = until + SETTLED
    try:
        query = f"StartTime <= '{latest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
        runs = (await client.count_workflows(query)).count
        schedules = [schedule async for schedule in _schedules_with(client, key_id)]
    except RPCError as error:
        return [f"Whether runs need it is not known: Temporal does not answer ({error.message})."]
    found = []
    if runs:
        found.append(f"Temporal keeps {runs} runs that began before {latest:%Y-%m-%d %H:%M} UTC.")
    if schedules:
        found.append(f"Schedules hold what it sealed: {', '.join(schedules)}. Update them.")
    if await in_thread(_is_archived, namespace, latest):
        found.append(f"Histories of that time are in the archive, for {settings.EXPORT_RETENTION_DAYS} days.")
    return found


async def _schedules_with(client: Client, key_id: str) -> AsyncIterator[str]:
    async for listed in await client.list_schedules():
        described = await client.get_schedule_handle(listed.id).describe()
        if key_id.encode() in described.raw_description.SerializeToString():
            yield listed.id


def _is_archived(namespace: str, latest: datetime) -> bool:
    if datetime.now(UTC) - latest > timedelta(days=settings.EXPORT_RETENTION_DAYS):
        return False
    exports = LedgerEntry.objects.filter(
        chain=namespace_chain(Subject.EXPORTS, namespace), kind=EntryKind.HISTORY_EXPORTED
    )
    return exports.exists()
