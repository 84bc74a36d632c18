"""``manage.py exchange_key ENDPOINT --output FILE``: an endpoint's exchange ring, for the team that uses it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.rings.queries import NoRing, ring_of
from workers.nexus.exchange import exchange_ring_of, wanted_endpoints


class Command(BaseCommand):
    help = "Write an endpoint's exchange keys to a new file, for the team that calls through it. It is a secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("endpoint", help="a Nexus endpoint of this installation")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="a file that does not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        endpoint, path = str(options["endpoint"]), options["output"]
        if endpoint not in [one.name for one in wanted_endpoints()]:
            raise CommandError(f"{endpoint} is no endpoint of this installation. See NEXUS_APPROVALS.")
        try:
            ring = ring_of(exchange_ring_of(endpoint))
        except NoRing:
            raise CommandError(f"{endpoint} has no exchange key yet. Run first: manage.py setup_nexus") from None
        keys = {key_id: base64.b64encode(key).decode() for key_id, key in ring.keys.items()}
        text = json.dumps({"ring": ring.namespace, "current": ring.current, "keys": keys}, indent=2)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        self.stdout.write(f"{path}: give it to the team over a channel you trust, and delete it.")
