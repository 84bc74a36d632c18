"""``manage.py index_ledger``: bring the search index up to date, or make it anew."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.custody import CustodyError
from audit.search import indexing, queries


class Command(BaseCommand):
    help = "Put every entry that the logs have into the search index. The relay does the same, every second."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="empty the index first, and take everything anew: searches find little until it is done",
        )

    def handle(self, *args: Any, rebuild: bool, **options: Any) -> None:
        try:
            taken = indexing.rebuild(told=self._told) if rebuild else indexing.index(told=self._told)
        except CustodyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{taken} entries were put into the index, and {queries.waiting()} wait for their log.")
        for namespace, count in queries.closed_entries().items():
            whose = f"namespace {namespace!r}" if namespace else "the installation's own chains"
            self.stdout.write(f"Of {whose}, {count} entries do not open or were removed: only kind and time are known.")

    def _told(self, taken: int) -> None:
        self.stderr.write(f"{taken} entries taken.")
