"""``manage.py worker``: the relay and the workers, without the web server."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workers.embedded import Parts, run


class Command(BaseCommand):
    help = "Run the relay and the workers only. Start as many as needed; they share the database and Temporal."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TEMPORAL_ADDRESS:
            raise CommandError("Set TEMPORAL_ADDRESS to the Temporal server that the workers work for.")
        sys.exit(run(Parts(web=False, workers=True)))
