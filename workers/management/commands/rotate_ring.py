"""``manage.py rotate_ring NAMESPACE``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError
from audit.rings.queries import keys_of
from audit.rings.services import rotate


class Command(BaseCommand):
    help = (
        "Make a new key that seals in a namespace from now on. Processes notice within two seconds; nothing restarts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("namespace")

    def handle(self, *args: Any, namespace: str, **options: Any) -> None:
        if not keys_of(namespace):
            raise CommandError(f"{namespace!r} has no ring. manage.py rings lists them; manage.py setup makes them.")
        try:
            key_id = rotate(namespace=namespace, by="command line")
        except CustodyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Key {key_id} seals in {namespace} now; the older ones open what they sealed.")
        self.stdout.write(f"Agent teams elsewhere need it too: manage.py export_ring {namespace}")
