"""JSON Lines for programs: what the file holds first, an entry a line, last that it is whole.

    first    {"count", "export", "form": "countersign-entries-v1", "gaps", "line": "population", "logs", "periods",
             "root", "search"}
    entry    {"attachments": {name: {"content": value} | {"erased": true} | {"hidden": true}}, "details": {name: value},
             "line": "entry", and the columns of ``csv_form`` but "arguments"}; also "removed": true where the entry
             was removed when its time was over, and only that it was there is known
    last     {"count", "export", "gaps", "line": "complete", "logs", "periods", "root"}

"logs" are [{"origin", "size"}]: the entries up to there were searched. "gaps" are {"closed", "cut"}: so many of them
do not open, or have more words than the index takes, so that the search may have missed them. Bytes are in
hexadecimal. Lines are JSON in one form, and counts and roots are written, as in a bundle
(``audit.statements.evidence``).
"""

from __future__ import annotations

from typing import Any

from audit.population.described import Described
from audit.statements.evidence import json_line

FORMAT = "countersign-entries-v1"
COMPLETE = "complete"


def first_line(claim: dict[str, Any], search: dict[str, str]) -> bytes:
    """Return the line that says what follows. ``claim`` is what first and last line have in common."""
    return json_line({"form": FORMAT, "line": "population", "search": search, **claim})


def entry_line(entry: Described) -> bytes:
    removed = {"removed": True} if entry.is_removed else {}
    return json_line(
        {"line": "entry", **entry.columns, "details": entry.details, "attachments": entry.attachments, **removed}
    )


def last_line(claim: dict[str, Any]) -> bytes:
    """Return the line that says that the file is whole."""
    return json_line({"line": COMPLETE, **claim})
