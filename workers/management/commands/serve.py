"""``manage.py serve``: the whole of Countersign in one process."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workers.embedded import Parts, run


class Command(BaseCommand):
    help = (
        "Run the web server, the relay and the workers in one process, with a Temporal development server "
        "unless TEMPORAL_ADDRESS is set. Run `manage.py setup` first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--web-only", action="store_true", help="no relay and no workers: they run elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        is_alone = options["web_only"]
        sys.exit(run(Parts(web=True, workers=not is_alone, relay=not is_alone)))
