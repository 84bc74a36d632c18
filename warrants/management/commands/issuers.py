"""``manage.py issuers``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from warrants.issuers import queries
from warrants.models import IssuerKey


class Command(BaseCommand):
    help = "List the issuers: where each is in its life, where its key is, what it signed and which workers believe it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sets",
            action="store_true",
            help="print the signed sets of trusted roots, in hexadecimal and oldest first, for workers elsewhere",
        )

    def handle(self, *args: Any, sets: bool, **options: Any) -> None:
        if sets:
            for data in queries.signed_sets():
                self.stdout.write(data.hex())
            return
        for one in queries.standings():
            issuer, workers = one.issuer, len(one.believing) + len(one.others)
            self.stdout.write(
                f"{issuer.state:<12} {issuer.name}  since {issuer.state_since:%Y-%m-%d %H:%M} UTC  {kept(issuer)}  "
                f"{one.live} live warrants  believed by {len(one.believing)} of {workers} workers"
            )
            self.stdout.write(f"             {one.root}")
        newest = queries.newest_set()
        self.stdout.write(f"Newest set of trusted roots: {newest.number}." if newest else "No root was rotated yet.")


def kept(issuer: IssuerKey) -> str:
    return f"{issuer.keeper} {issuer.kept_as}".strip()
