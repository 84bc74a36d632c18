"""``manage.py retire_ring_key NAMESPACE KEY``"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.models import RingKey
from audit.rings.queries import keys_of
from audit.rings.services import CannotRetire, retire
from workers.client import connect
from workers.errors import StartFailed
from workers.ring_needs import needs


class Command(BaseCommand):
    help = "Destroy an old key of a ring, for good, once no run, schedule or archive needs it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("namespace")
        parser.add_argument("key", help="the key's id, as manage.py rings lists it")
        parser.add_argument("--force", action="store_true", help="although it is needed: what it sealed is lost")
        parser.add_argument("--reason", default="", help="why; it stands in the ledger. Required with --force")
        parser.add_argument("--address", default="", help="the Temporal server, if TEMPORAL_ADDRESS does not say it")

    def handle(
        self, *args: Any, namespace: str, key: str, force: bool, reason: str, address: str, **options: Any
    ) -> None:
        if force and not reason.strip():
            raise CommandError("--force needs a --reason: it stands in the ledger.")
        rows = keys_of(namespace)
        found = [newer for row, newer in pairwise(rows) if row.pk == key]
        needed_by = asyncio.run(_needs(namespace, key, found[0], address)) if found else []
        try:
            retire(
                namespace=namespace,
                key_id=key,
                by="command line",
                needed_by=needed_by,
                reason=reason if force else "",
            )
        except CannotRetire as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Key {key} of {namespace} is gone, and so is what it sealed.")


async def _needs(namespace: str, key: str, newer: RingKey, address: str) -> list[str]:
    try:
        client = await connect(address=address)
    except (RuntimeError, ValueError, StartFailed) as error:
        return [f"Whether runs need it is not known: {error}."]
    return await needs(client, namespace=namespace, key_id=key, until=newer.created_at)
