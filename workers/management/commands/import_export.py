"""``manage.py import_export SOURCE``: take exports of Temporal Cloud into the archive."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.export import installation
from workers.export.archives import open_archive
from workers.export.errors import ExportError
from workers.export.importing import Imported, import_files, namespace_of, open_source


class Command(BaseCommand):
    help = (
        "Import files of Temporal Cloud's history export into the archive. Runs that are there already are left out, "
        "so importing again is harmless. Exit code 1 if a file could not be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="a file, a folder, or s3://bucket/prefix")
        parser.add_argument("--namespace", default="", help="whose runs these are, if the folders do not say so")
        parser.add_argument("--target", default="", help="another archive than EXPORT_TARGET")

    def handle(self, *, source: str, namespace: str, target: str, **options: Any) -> None:
        try:
            archive = open_archive(target) if target else installation.archive()
            archive.check()
            files = open_source(source)
            name = namespace or namespace_of(files)
            imported = import_files(files, archive, namespace=name, retention=installation.retention())
        except ExportError as error:
            raise CommandError(str(error)) from None
        self._tell(name, imported)
        if imported.faults:
            sys.exit(1)

    def _tell(self, namespace: str, imported: Imported) -> None:
        for fault in imported.faults:
            self.stderr.write(f"Left out: {fault}")
        self.stdout.write(
            f"{imported.runs} runs of {namespace} imported from {imported.files} files, {imported.known} were there "
            f"already; {imported.manifests} manifests written."
        )
