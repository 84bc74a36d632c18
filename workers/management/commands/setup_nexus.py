"""``manage.py setup_nexus``: this installation's Nexus endpoints on the Temporal server, and their exchange keys."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from temporalio.service import RPCError

from audit.rings.services import ensure_ring
from workers.database import in_thread
from workers.management.commands._server import reach_server
from workers.nexus.endpoints import EndpointTaken, make, missing
from workers.nexus.exchange import exchange_ring_of, wanted_endpoints


class Command(BaseCommand):
    help = "Make the Nexus endpoints of NEXUS_APPROVALS and of payments on the Temporal server, with exchange keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if one is missing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            left = asyncio.run(self._all(changes=not options["check"]))
        except EndpointTaken as taken:
            raise CommandError(str(taken)) from None
        except RPCError as error:
            raise CommandError(
                f"The Temporal server refuses ({error.status.name}: {error.message}). Endpoints are made by an "
                "operator of the whole server; on Temporal Cloud, by its own tools."
            ) from None
        if left:
            raise CommandError(f"Missing: {', '.join(left)}. Make them with: manage.py setup_nexus")

    async def _all(self, *, changes: bool) -> list[str]:
        """Make what is missing, or return its names."""
        wanted = wanted_endpoints()
        client = await reach_server()
        absent = await missing(client, wanted)
        for endpoint in wanted:
            if endpoint in absent and changes:
                await make(client, endpoint)
            if changes:
                await in_thread(ensure_ring, namespace=exchange_ring_of(endpoint.name))
            state = "made" if endpoint in absent and changes else "missing" if endpoint in absent else "as it should be"
            self.stdout.write(f"{endpoint.name}: {state}, leads to {endpoint.target}")
        return [] if changes else [endpoint.name for endpoint in absent]
