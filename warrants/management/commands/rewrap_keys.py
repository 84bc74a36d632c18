"""``manage.py rewrap_keys``"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.custody import CustodyError, keeper
from audit.keepers.pkcs11_token import Pkcs11Keeper
from warrants.rewrapping.services import rewrap


class Command(BaseCommand):
    help = (
        "Wrap every stored key anew, as KEY_CUSTODY says, with the present key. Running processes go on meanwhile; "
        "stopping and starting again is harmless."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--make-key", action="store_true", help="first make the key in the PKCS#11 token")

    def handle(self, *args: Any, dry_run: bool, make_key: bool, **options: Any) -> None:
        counts: Counter[str] = Counter()
        try:
            if make_key:
                self._make_key()
            for one in rewrap(dry_run=dry_run):
                counts[one.was] += 1
                if one.was == "moved":
                    self.stdout.write(f"{'would move' if dry_run else 'moved'}  {one.name}")
        except CustodyError as error:
            raise CommandError(f"{error} {counts['moved']} were moved before; the rest is as it was.") from error
        self.stdout.write(f"{counts['moved']} {'to move' if dry_run else 'moved'}, {counts['current']} were current.")

    def _make_key(self) -> None:
        found = keeper()
        if not isinstance(found, Pkcs11Keeper):
            raise CommandError("--make-key is for KEY_CUSTODY=pkcs11.")
        self.stdout.write("The key was made in the token." if found.make_key() else "The token has the key already.")
