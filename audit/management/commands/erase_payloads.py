"""``manage.py erase_payloads INCIDENT``: erase what is stored beside an incident's entries, before its time."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.custody import CustodyError
from audit.ledger.queries import find_chain
from audit.models import LedgerChain
from audit.retention.erasing import erase
from audit.retention.errors import RetentionError
from audit.sealing import SealingError

BY = "command line"


class Command(BaseCommand):
    help = "Erase arguments, results and what people were shown of an incident, for good; the ledger says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("incident", help="the incident's id, such as P1042, or its root warrant's id")
        parser.add_argument("--reason", required=True, help="why; it is recorded")
        parser.add_argument("--sequence", type=int, help="only what stands beside this entry, with --name")
        parser.add_argument("--name", default="", help="arguments, display or result")

    def handle(self, *args: Any, incident: str, reason: str, sequence: int | None, name: str, **options: Any) -> None:
        if (sequence is None) != (not name):
            raise CommandError("Give --sequence and --name together, or neither of them for all of the incident.")
        try:
            chain = find_chain(incident)
            records = erase(chain=chain.name, reason=reason, by=BY, sequence=sequence, name=name)
        except LedgerChain.DoesNotExist as error:
            raise CommandError(f"There is no incident {incident!r}. The page /incidents/ lists them.") from error
        except (RetentionError, SealingError, CustodyError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Erased {len(records)} attachment{'' if len(records) == 1 else 's'} of {chain}. Temporal's histories, "
            "exported files and backups are out of reach: see docs/retention.md."
        )
