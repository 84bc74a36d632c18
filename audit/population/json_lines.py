"""JSON Lines for programs: what the file holds first, an entry a line, last that it is whole.

    first    {"count", "export", "form": "countersign-entries-v1", "line": "population", "periods", "root", "search"}
    entry    {"attachments": {name: {"content": value} | {"erased": true} | {"hidden": true}}, "details": {name: value},
             "line": "entry", and the columns of ``csv_form`` but "arguments"}
    last     {"count", "export", "line": "complete", "periods", "root"}

Bytes are in hexadecimal. Lines are JSON in one form, and counts and roots are written, as in a bundle
(``audit.statements.evidence``).
"""

from __future__ import annotations

from typing import Any

from audit.population.described import Described
from audit.statements.evidence import json_line

FORMAT = "countersign-entries-v1"
COMPLETE = "complete"


def first_line(claim: dict[str, Any], search: dict[str, str]) -> bytes:
    """Return the line that says what follows. ``claim`` is {"count", "export", "periods", "root"}."""
    return json_line({"form": FORMAT, "line": "population", "search": search, **claim})


def entry_line(entry: Described) -> bytes:
    return json_line({"line": "entry", **entry.columns, "details": entry.details, "attachments": entry.attachments})


def last_line(claim: dict[str, Any]) -> bytes:
    """Return the line that says that the file is whole."""
    return json_line({"line": COMPLETE, **claim})
