"""``manage.py verify_export``: check the archive, offline and without keys."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.export import installation, ledger
from workers.export.archives import namespaces_in, open_archive
from workers.export.errors import ExportError
from workers.export.verifying import Verified, verify


class Command(BaseCommand):
    help = (
        "Check every manifest and every object of the archive: one sentence for each fault, and exit code 1 if there "
        "is one. Needs no Temporal server, no keys, and, without --ledger, no database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--target", default="", help="another archive than EXPORT_TARGET")
        parser.add_argument("--namespace", default="", help="only this one's exports")
        parser.add_argument(
            "--ledger", action="store_true", help="also that the archive holds all that this installation recorded"
        )

    def handle(self, *, target: str, namespace: str, ledger: bool, **options: Any) -> None:
        try:
            archive = open_archive(target) if target else installation.archive()
            names = [namespace] if namespace else namespaces_in(archive)
            found = [verify(archive, name, _recorded(name) if ledger else None) for name in names]
        except ExportError as error:
            raise CommandError(str(error)) from None
        if not found:
            raise CommandError("The archive is empty.")
        for one in found:
            self._tell(one)
        if any(one.faults for one in found):
            sys.exit(1)

    def _tell(self, found: Verified) -> None:
        for fault in found.faults:
            self.stderr.write(fault)
        state = f"{len(found.faults)} faults" if found.faults else "all as it was written"
        gone = f", {found.gone} deleted before they were exported" if found.gone else ""
        unlisted = f" {found.unlisted} objects stand in no manifest." if found.unlisted else ""
        self.stdout.write(
            f"{found.namespace}: {found.manifests} manifests, {found.runs} runs{gone}: {state}.{unlisted} "
            f"The newest manifest is {found.newest or 'missing'}."
        )


def _recorded(namespace: str) -> ledger.Recorded:
    return ledger.recorded(namespace)
