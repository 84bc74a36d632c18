"""The form of a line: one ledger entry as JSON, with the fields of ``docs/siem.md`` and no others.

Content stays here: no arguments, results, reasons, titles or words of agents. Fields are named one by one, so that
nothing new in an entry leaves by itself. JSON in ASCII: no text in it can end the line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from audit.models import LedgerEntry
from audit.sealing import SealingError
from audit.statements import statements
from audit.statements.kinds import DECISIONS, EntryKind

VERSION = 1
MAXIMUM_TEXT = 1000


def line_of(entry: LedgerEntry, *, origin: str, position: int, agent: str) -> bytes:
    """Return the line of ``entry``, which is leaf ``position`` of the log ``origin``, with its end.

    What is sealed and does not open any more gives null, and ``readable`` is false. Raises ``CustodyError``.
    """
    facts = facts_of(entry)
    details = facts["details"] if facts else {}
    line = {
        "version": VERSION,
        "id": f"{origin}#{position}",
        "at": _time(entry.at_ms),
        "namespace": entry.chain.namespace or None,
        "incident": _text(entry.chain.label),
        "chain": entry.chain_id,
        "sequence": entry.sequence,
        "kind": entry.kind,
        "decision": DECISIONS.get(EntryKind(entry.kind)),
        "tool": _text(details.get("tool")),
        "agent": _text(agent),
        "person": _text(details.get("person")),
        "key": _hex(details.get("key")),
        "request_id": _text(details.get("request_id")),
        "workflow_id": _text(details.get("workflow_id")),
        "entry_hash": bytes(entry.entry_hash).hex(),
        "previous": _hex(facts["previous"]) if facts else None,
        "readable": facts is not None,
    }
    return json.dumps(line, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def facts_of(entry: LedgerEntry) -> dict[str, Any] | None:
    """Return the statement of ``entry``, or None if it does not open. Raises ``CustodyError``, which may pass."""
    try:
        facts = statements.parse(entry.envelope).facts
    except (SealingError, statements.MalformedStatement):
        return None
    return facts if isinstance(facts.get("details"), dict) else None


def _text(value: Any) -> str | None:
    return value[:MAXIMUM_TEXT] if isinstance(value, str) and value else None


def _hex(value: Any) -> str | None:
    return value.hex() if isinstance(value, bytes) else None


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
