"""``manage.py hold_evidence INCIDENT``: keep an incident's evidence, whatever its rule says, or end that."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.custody import CustodyError
from audit.ledger.queries import find_chain
from audit.models import LedgerChain
from audit.retention import services
from audit.retention.errors import RetentionError

BY = "command line"


class Command(BaseCommand):
    help = "Hold an incident's evidence: nothing of it is removed or erased until --release."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("incident", help="the incident's id, such as P1042, or its root warrant's id")
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--reason", default="", help="why it is held; pages show it")
        chosen.add_argument("--release", action="store_true", help="end the hold")

    def handle(self, *args: Any, incident: str, reason: str, release: bool, **options: Any) -> None:
        try:
            chain = find_chain(incident)
            if release:
                services.release(chain=chain.name, by=BY)
                self.stdout.write(f"{chain} is not on hold any more. Its rule applies again.")
            else:
                services.hold(chain=chain.name, reason=reason, by=BY)
                self.stdout.write(f"{chain} is on hold: nothing of it is removed or erased.")
        except LedgerChain.DoesNotExist as error:
            raise CommandError(f"There is no incident {incident!r}. The page /incidents/ lists them.") from error
        except (RetentionError, CustodyError) as error:
            raise CommandError(str(error)) from error
