"""The files: what comes first, of every piece of the population, and last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from audit.population import csv_form, json_lines
from audit.population.contracts import ExportForm
from audit.population.described import ARGUMENTS, Described


class File(Protocol):
    """A form of file. ``claim`` is {"count", "export", "gaps", "logs", "periods", "root"}; ``end`` says it is whole."""

    def begin(self, claim: dict[str, Any], search: dict[str, str]) -> bytes: ...

    def piece(self, entries: Iterable[Described]) -> bytes: ...

    def end(self, claim: dict[str, Any]) -> bytes: ...


class CsvFile:
    def begin(self, claim: dict[str, Any], search: dict[str, str]) -> bytes:
        return csv_form.header()

    def piece(self, entries: Iterable[Described]) -> bytes:
        return csv_form.rows(self._cells(entry) for entry in entries)

    def end(self, claim: dict[str, Any]) -> bytes:
        return csv_form.last_row(json.dumps(claim))

    def _cells(self, entry: Described) -> list[str]:
        columns = {**entry.columns, ARGUMENTS: entry.arguments}
        return [str(columns[name]) for name in csv_form.COLUMNS]


class JsonLinesFile:
    def begin(self, claim: dict[str, Any], search: dict[str, str]) -> bytes:
        return json_lines.first_line(claim, search)

    def piece(self, entries: Iterable[Described]) -> bytes:
        return b"".join(json_lines.entry_line(entry) for entry in entries)

    def end(self, claim: dict[str, Any]) -> bytes:
        return json_lines.last_line(claim)


FILES: dict[ExportForm, File] = {ExportForm.CSV: CsvFile(), ExportForm.JSON_LINES: JsonLinesFile()}
