"""``manage.py revoke_warrant tnu_wrt_… --reason "The agent went astray"``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from warrants.errors import WarrantError
from warrants.revocation.services import revoke


class Command(BaseCommand):
    help = "Take a warrant back for good. Running workers refuse its next call within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("warrant", help="the warrant's id: tnu_wrt_ and 32 digits, as the incident's page shows it")
        parser.add_argument("--reason", required=True, help="why; it is recorded and signed")

    def handle(self, *args: Any, warrant: str, reason: str, **options: Any) -> None:
        try:
            revocation = revoke(warrant_id=warrant, reason=reason, revoked_by="command line")
        except WarrantError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{warrant} is revoked since {revocation.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")
