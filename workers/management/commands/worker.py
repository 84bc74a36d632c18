"""``manage.py worker``: the relay and the workers, without the web server."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.embedded import Parts, run


class Command(BaseCommand):
    help = "Run the relay and the workers only. Start as many as needed; they share the database and Temporal."

    def add_arguments(self, parser: CommandParser) -> None:
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--relay-only", action="store_true", help="no workers: decisions are delivered, no more")
        only.add_argument("--no-relay", action="store_true", help="workers only: relays run elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TEMPORAL_ADDRESS:
            raise CommandError("Set TEMPORAL_ADDRESS to the Temporal server that the workers work for.")
        sys.exit(run(Parts(web=False, workers=not options["relay_only"], relay=not options["no_relay"])))
