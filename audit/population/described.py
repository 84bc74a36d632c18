"""One entry in the columns that files for people and programs have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from audit.access import Reach
from audit.population import wording
from audit.population.reading import Taken
from audit.statements.kinds import DECISIONS, EntryKind
from audit.statements.population import moment

ARGUMENTS = "arguments"


@dataclass(frozen=True, slots=True)
class Described:
    """``columns`` by name, as text and numbers; ``details`` and ``attachments`` are what may be shown, for JSON.

    Of an entry that ``is_removed``, since its time was over, nothing is known but that it was there.
    """

    columns: dict[str, Any]
    details: dict[str, Any]
    attachments: dict[str, dict[str, Any]]
    is_removed: bool

    @property
    def arguments(self) -> str:
        """The call's arguments as JSON; empty if there are none, they were erased, or may not be shown."""
        shown = self.attachments.get(ARGUMENTS, {})
        return json.dumps(shown["content"], ensure_ascii=False) if "content" in shown else ""


def described(taken: Taken, *, content: Reach | None) -> Described:
    """Return what an entry says; ``content`` are the namespaces of which all may be shown.

    Raises ``BrokenOff``.
    """
    row, entry = taken.indexed, taken.entry
    namespace = entry.chain.namespace
    shows_content = content is not None and (content.everywhere or namespace in content.namespaces)
    details = wording.details_of(entry)
    return Described(
        columns={
            "at": at_text(entry.at_ms),
            "namespace": namespace,
            "incident": "" if row.of_service else entry.chain.label,
            "chain": entry.chain_id,
            "sequence": entry.sequence,
            "kind": entry.kind,
            "decision": DECISIONS.get(EntryKind(entry.kind), ""),
            "tool": row.tool,
            "agent": row.agent,
            "person": row.person,
            "key": row.key,
            "request_id": row.request_id,
            "workflow_id": row.workflow_id,
            "reason": wording.reason_of(entry, details, content=shows_content) if details else "",
            "entry_hash": bytes(entry.entry_hash).hex(),
        },
        details=wording.shown(entry.kind, details or {}, content=shows_content),
        attachments=wording.attached(entry, taken.attachments, content=shows_content),
        is_removed=details is None,
    )


def at_text(at_ms: int) -> str:
    """Return a time, given in ms since 1970, as 2026-11-26T08:00:01.123Z."""
    return f"{moment(at_ms):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"
