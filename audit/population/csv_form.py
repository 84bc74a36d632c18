"""CSV (RFC 4180) for spreadsheets: a header row, a row for each entry, a last row that says that it is whole.

Lines end with CR LF, every cell is in double quotes, the text is UTF-8 without a mark in front. A cell that begins
with a character by which spreadsheets know a formula, or with an apostrophe, has an apostrophe before it: taking one
away from every cell that begins with one gives the text back.

    last row   "at" is "complete", "arguments" is as JSON {"count", "export", "gaps": {"closed", "cut"},
               "logs": [{"origin", "size"}], "periods": [{"count", "period", "root"}], "root"}; the others are empty
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

COLUMNS = (
    "at", "namespace", "incident", "chain", "sequence", "kind", "decision", "tool", "agent", "person", "key",
    "request_id", "workflow_id", "reason", "arguments", "entry_hash",
)  # fmt: skip
COMPLETE = "complete"
# Of a spreadsheet's formulas, also in full width, and what some of them skip before one.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_APOSTROPHE = "'"


def header() -> bytes:
    return rows([COLUMNS])


def rows(cells: Iterable[Sequence[str]]) -> bytes:
    """Return the lines of rows whose cells stand in the order of ``COLUMNS``."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([defused(cell) for cell in row] for row in cells)
    return written.getvalue().encode()


def last_row(claim: str) -> bytes:
    """Return the row that says that the file is whole. ``claim`` is the JSON object described above."""
    cells = {"at": COMPLETE, "arguments": claim}
    return rows([[cells.get(column, "") for column in COLUMNS]])


def defused(text: str) -> str:
    """Return ``text`` so that no spreadsheet takes it for a formula."""
    return _APOSTROPHE + text if text.startswith((*_BEGINS_FORMULA, _APOSTROPHE)) else text
