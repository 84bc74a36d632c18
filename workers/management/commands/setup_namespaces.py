"""``manage.py setup_namespaces``: the namespaces of ``NAMESPACES_FILE`` on the Temporal server, as the file says."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from temporalio.client import Client
from temporalio.service import RPCError

from accounts.namespaces.contracts import Namespace
from audit.custody import CustodyError
from workers.errors import StartFailed
from workers.management.commands._server import reach_server
from workers.namespaces.notes import notes
from workers.namespaces.registration import describe
from workers.namespaces.upkeep import Difference, Mendable, differences


class Command(BaseCommand):
    help = "Make the namespaces of NAMESPACES_FILE on the Temporal server, or bring them up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if anything differs")

    def handle(self, *args: Any, **options: Any) -> None:
        left = asyncio.run(self._all(changes=not options["check"]))
        if left:
            raise CommandError(f"Not as the file says: {left}.")

    async def _all(self, *, changes: bool) -> int:
        """Go through all namespaces; return how many differences are left."""
        client = await reach_server()
        return sum([await self._one(client, namespace, changes=changes) for namespace in settings.NAMESPACES])

    async def _one(self, client: Client, namespace: Namespace, *, changes: bool) -> int:
        try:
            return await self._through(client, namespace, changes=changes)
        except RPCError as error:
            raise CommandError(
                f"{namespace.name}: the Temporal server refuses ({error.status.name}: {error.message}). What was done "
                "before stands; this command can be run again. On Temporal Cloud namespaces are made by its own tools: "
                "use --check with a key that may read them."
            ) from None
        except (StartFailed, CustodyError) as error:
            raise CommandError(f"{namespace.name}: {error}") from None

    async def _through(self, client: Client, namespace: Namespace, *, changes: bool) -> int:
        left = await differences(client, namespace)
        if not left:
            self.stdout.write(f"{namespace.name}: as the file says")
        tried: set[str] = set()
        while changes and (due := _due(left, tried)):
            tried.add(due.sentence)
            await due.mend()
            self.stdout.write(f"{namespace.name}: {due.mended}")
            # What the server says now, and not what was done, counts.
            left = await differences(client, namespace)
        for one in left:
            self.stdout.write(f"{namespace.name}: {one.sentence}")
        if await describe(client, namespace.name) is not None:
            async for note in notes(client, namespace):
                self.stdout.write(f"{namespace.name}: note: {note}")
        return len(left)


def _due(left: list[Difference], tried: set[str]) -> Mendable | None:
    return next((one for one in left if isinstance(one, Mendable) and one.sentence not in tried), None)
