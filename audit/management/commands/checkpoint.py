"""``manage.py checkpoint``: print the newest signed checkpoint, to be kept where this installation cannot write."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.log.keeping import stem
from audit.log.queries import newest_checkpoint, newest_checkpoints, verifier_key_of
from audit.models import LogCheckpoint


class Command(BaseCommand):
    help = "Print the newest signed checkpoint of a log. Keep it elsewhere: verify_ledger --checkpoint FILE checks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--namespace", default="", help="whose log; without it, the log of the installation's own chains"
        )
        parser.add_argument(
            "--key", action="store_true", help="print the key that tools for signed notes verify it with"
        )
        parser.add_argument("--directory", type=Path, help="write those of all logs there instead, one file each")

    def handle(self, *args: Any, namespace: str, key: bool, directory: Path | None, **options: Any) -> None:
        if directory is not None:
            self._write(directory)
            return
        try:
            note = newest_checkpoint(namespace)
            self.stdout.write(verifier_key_of(namespace) if key else note.removesuffix("\n"))
        except LogCheckpoint.DoesNotExist as error:
            whose = f"The namespace {namespace!r}" if namespace else "The installation"
            raise CommandError(
                f"{whose} has no checkpoint: nothing of it is in the ledger, or no relay has run since."
            ) from error

    def _write(self, directory: Path) -> None:
        notes = newest_checkpoints()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for namespace, note in notes.items():
                (directory / f"{stem(namespace)}.checkpoint").write_text(note, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{directory} cannot be written: {error.strerror}.") from error
        self.stderr.write(f"Wrote {len(notes)} checkpoints to {directory}.")
