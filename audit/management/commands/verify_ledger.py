"""``manage.py verify_ledger``: check the whole database against its checkpoints, and against kept ones."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.log.checking import Kept, check
from audit.log.keeping import Outside, directory, read, read_all
from audit.receipts.gaps import all_gaps
from audit.statements.notes import MalformedNote

STEP = 10_000
UNUSABLE = 2


class Command(BaseCommand):
    help = "Check every entry, chain and log of the ledger. Exit code 0 whole, 1 not, 2 unusable input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoint",
            action="append",
            type=Path,
            default=[],
            help="a checkpoint that was kept elsewhere, which the ledger must go on from; may be given several times",
        )

    def handle(self, *args: Any, checkpoint: list[Path], **options: Any) -> None:
        where = directory()
        outside = read_all(where) if where else Outside([], [])
        kept, findings = [*outside.kept], len(outside.faults)
        for fault in outside.faults:
            self.stdout.write(fault)
        for path in checkpoint:
            one, fault = self._kept(path)
            kept.append(one)
            if fault:
                findings += 1
                self.stdout.write(fault)
        self._looked_at = 0
        for finding in check(kept, self._progress):
            findings += 1
            self.stdout.write(finding)
        # Nothing in the ledger was changed: a receipt that never came is a worker's trouble, and stays for good.
        for gap in all_gaps():
            self.stdout.write(f"Missing, and no fault of the ledger: {gap.sentence}")
        if findings:
            self.stdout.write(f"The ledger is NOT whole: {findings} {'fault' if findings == 1 else 'faults'}.")
            sys.exit(1)
        self.stdout.write(
            f"The ledger is whole, and goes on from {len(kept)} checkpoints that were kept elsewhere."
            if kept
            else "The ledger agrees with itself. Whoever holds its keys could have written it anew: only a checkpoint "
            "that was kept elsewhere (--checkpoint) shows that nobody did."
        )

    def _progress(self) -> None:
        self._looked_at += 1
        if self._looked_at % STEP == 0:
            self.stderr.write(f"{self._looked_at} entries and leaves looked at.")

    def _kept(self, path: Path) -> tuple[Kept, str]:
        """Return the checkpoint in ``path``, and what is wrong with its signature: nothing, or a sentence."""
        try:
            return read(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=UNUSABLE) from error
        except MalformedNote as error:
            raise CommandError(f"{path} holds no checkpoint. {error}", returncode=UNUSABLE) from error
