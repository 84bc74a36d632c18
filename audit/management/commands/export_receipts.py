"""``manage.py export_receipts INCIDENT``: write the evidence of one incident."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.custody import CustodyError
from audit.export.services import evidence_lines
from audit.ledger.queries import find_chain
from audit.models import LedgerChain
from audit.retention.queries import removed_at
from audit.sealing import SealingError


class Command(BaseCommand):
    help = "Write the evidence of an incident, to be checked with: python -m audit.verify FILE --root HEX"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("incident", help="the incident's id, such as P1042, or its root warrant's id")
        parser.add_argument("--output", type=Path, help="the file to write; without it, standard output")

    def handle(self, *args: Any, incident: str, output: Path | None, **options: Any) -> None:
        try:
            chain = find_chain(incident)
        except LedgerChain.DoesNotExist as error:
            raise CommandError(f"There is no incident {incident!r}. The page /incidents/ lists them.") from error
        if gone := removed_at(chain.name):
            raise CommandError(f"What the entries of {chain} said was removed under retention on {gone:%-d %B %Y}.")
        lines = evidence_lines(chain=chain.name)
        try:
            if output is None:
                for line in lines:
                    self.stdout.write(line.decode(), ending="")
                return
            self._write(output, lines)
        except (SealingError, CustodyError) as error:
            raise CommandError(f"The evidence is not whole. {error}") from error
        self.stderr.write(f"Wrote {chain.size} entries of {chain} and a checkpoint to {output}.")

    def _write(self, output: Path, lines: Any) -> None:
        # A name of its own until it is whole, so that no half file is taken for evidence.
        partial = output.with_name(f"{output.name}.partial-{os.getpid()}")
        try:
            with partial.open("wb") as file:
                file.writelines(lines)
            partial.replace(output)
        except (SealingError, CustodyError):
            partial.unlink(missing_ok=True)
            raise
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
