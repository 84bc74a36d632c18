"""The forms in which the population of a search is taken away, and the states of doing so."""

from __future__ import annotations

from enum import StrEnum


class ExportForm(StrEnum):
    """What kind of file. Values are stored; none is ever reused."""

    CSV = "csv"  # for a spreadsheet
    JSON_LINES = "jsonl"  # for programs
    BUNDLE = "bundle"  # for the verifier

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8; header=present" if self is ExportForm.CSV else "application/jsonl"

    @property
    def suffix(self) -> str:
        """How the file's name ends: a bundle is JSON Lines too."""
        return "csv" if self is ExportForm.CSV else "jsonl"


class ExportState(StrEnum):
    """What became of an export. Values are stored; none is ever reused."""

    RUNNING = "running"
    COMPLETE = "complete"
    BROKEN_OFF = "broken_off"
