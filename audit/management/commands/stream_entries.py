"""``manage.py stream_entries``: how far the stream of entries is behind, and why; or send all of them again."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.streaming.queries import lags
from audit.streaming.services import send_again


class Command(BaseCommand):
    help = "Show how far the stream to SIEM_TARGET is behind. Exit code 1 if people should look at it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from-start", action="store_true", help="have all entries sent again, by whatever relay runs"
        )

    def handle(self, *args: Any, from_start: bool, **options: Any) -> None:
        if not settings.SIEM_TARGET:
            raise CommandError("No entries are sent anywhere: SIEM_TARGET is empty.")
        if from_start:
            self.stdout.write(f"{send_again()} entries are sent again, from the first of every log.")
            return
        found = lags()
        for lag in found:
            self.stdout.write(lag.sentence)
        if not found:
            self.stdout.write("Nothing was sent yet. A process with a relay sends: serve, or worker.")
        if any(lag.is_late for lag in found):
            sys.exit(1)
