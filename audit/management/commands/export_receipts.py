"""``manage.py export_receipts INCIDENT``: write the evidence of one incident, or of one of the service's own chains."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.export.services import UNWRITABLE, bundle_of, record_export
from audit.ledger.queries import find_chain
from audit.management.commands._files import kept_checkpoint, written_whole
from audit.models import LedgerChain


class Command(BaseCommand):
    help = "Write evidence, to be checked with: python -m audit.verify BUNDLE --root HEX"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "incident",
            help="the incident's id, such as P1042, or its root warrant's id; or a chain of the service's own: keys, "
            "people, rings, 'payloads of NAMESPACE', 'Exports of NAMESPACE'",
        )
        parser.add_argument("--output", type=Path, help="the file to write; without it, standard output")
        parser.add_argument(
            "--checkpoint",
            action="append",
            type=Path,
            default=[],
            help="a checkpoint that was kept elsewhere: prove that the log goes on from it; may be given several times",
        )

    def handle(self, *args: Any, incident: str, output: Path | None, checkpoint: list[Path], **options: Any) -> None:
        try:
            chain = find_chain(incident)
        except LedgerChain.DoesNotExist as error:
            raise CommandError(f"There is no incident {incident!r}. The page /incidents/ lists them.") from error
        try:
            bundle = bundle_of(chain.name, kept=[kept_checkpoint(path) for path in checkpoint])
            record_export(bundle, by="command line")
            if output is None:
                for line in bundle.lines():
                    self.stdout.write(line.decode(), ending="")
                return
            with written_whole(output) as file:
                file.writelines(bundle.lines())
        except UNWRITABLE as error:
            raise CommandError(f"The evidence is not whole. {error}") from error
        self.stderr.write(f"Wrote {bundle.totals.count} entries of {chain} to {output}.")
