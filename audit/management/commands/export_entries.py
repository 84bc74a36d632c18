"""``manage.py export_entries --form FORM --output FILE``: write all that a search finds."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.access import Everywhere
from audit.management.commands._files import kept_checkpoint, written_whole
from audit.models import Export
from audit.population import services
from audit.population.contracts import ExportForm
from audit.population.errors import ExportError
from audit.population.exporting import Order, Rights
from audit.search.contracts import Search
from audit.search.errors import SearchError

STEP = 10_000
_BAR = 30
_TERMS = {
    "agent": "its name",
    "argument": "the name of the argument that has the value",
    "from": "the first day, as 2026-01-31, or moment, as 2026-01-31T08:00Z",
    "incident": "its id, or its root warrant's",
    "key": "a public key, its fingerprint, or 8 or more digits of that",
    "kind": "kinds of entries, with commas, such as approval.granted,approval.denied",
    "namespace": "one Temporal namespace",
    "person": "who did it, or to whom: an external id",
    "text": "words of reasons and titles",
    "to": "the last day, or the moment after the last",
    "tool": "its name",
    "value": "a value of a call's argument, or words of it",
    "workflow": "a workflow's id",
}


class Command(BaseCommand):
    help = "Write everything that a search finds, with a count and a root for each month. Without terms: everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--form", required=True, choices=[form.value for form in ExportForm])
        parser.add_argument("--output", required=True, type=Path, help="the file to write")
        for term, meaning in _TERMS.items():
            parser.add_argument(f"--{term}", default="", dest=f"term_{term}", help=meaning)
        parser.add_argument(
            "--checkpoint",
            action="append",
            type=Path,
            default=[],
            help="a checkpoint that was kept elsewhere: the bundle proves that the log goes on from it; may be given "
            "several times",
        )

    def handle(self, *args: Any, form: str, output: Path, checkpoint: list[Path], **options: Any) -> None:
        try:
            order = self._order(ExportForm(form), {term: options[f"term_{term}"] for term in _TERMS}, checkpoint)
            export = self._write(output, order)
        except SearchError as error:
            named = f" (--{error.field})" if error.field else ""
            raise CommandError(f"{error.sentence}{named}") from error
        except ExportError as error:
            raise CommandError(f"Nothing was written to {output}. {error.sentence}") from error
        self.stderr.write(f"Wrote {export.sent} entries to {output}.")

    def _order(self, form: ExportForm, terms: dict[str, str], checkpoint: list[Path]) -> Order:
        rights = Rights(Everywhere(), Everywhere())
        return Order(
            search=Search.from_parameters(terms),
            form=form,
            person="command line",
            rights=rights,
            rights_now=lambda: rights,
            is_limited=False,
            kept=tuple(kept_checkpoint(path) for path in checkpoint),
        )

    def _write(self, output: Path, order: Order) -> Export:
        with written_whole(output) as file:
            export = services.begin(order)
            with closing(services.steps(export, order)) as steps:
                for part in self._told(export, steps):
                    file.write(part)
        return export

    def _told(self, export: Export, steps: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the parts on, and say how far it is: as a bar on a terminal, else a line now and then."""
        is_terminal, told = sys.stderr.isatty(), 0
        for part in steps:
            yield part
            if is_terminal:
                self.stderr.write(f"\r{_bar(export)}", ending="")
            elif export.sent - told >= STEP:
                told = export.sent
                self.stderr.write(f"{export.sent} of {export.count} entries written.")
        if is_terminal:
            self.stderr.write("")


def _bar(export: Export) -> str:
    if export.count is None:
        return "Counting…"
    part = export.sent / export.count if export.count else 1.0
    bar = ("█" * round(part * _BAR)).ljust(_BAR, "░")
    return f"{bar} {part:4.0%}  {export.sent:,} of {export.count:,} entries"
