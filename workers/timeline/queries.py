"""What the ledger has of an incident, read for its timeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from approvals.signing import denial
from audit.access import Reach
from audit.ledger import queries as ledger
from audit.ledger.contracts import TreeLine
from audit.models import LedgerChain
from audit.statements.kinds import EntryKind
from audit.statements.statements import MalformedStatement
from workers.timeline.contracts import Recorded, RunAddress, Told

# An incident that goes on as new again and again: its first runs.
MAXIMUM_RUNS = 20
_CALLS = (EntryKind.CALL_ALLOWED, EntryKind.CALL_DENIED, EntryKind.CALL_GATED)


def recorded(chain: str, *, within: Reach, content: Reach | None) -> Recorded:
    """Return what the ledger has of ``chain``; ``content`` is where whoever looks may see what agents said and got.

    Raises ``LedgerChain.DoesNotExist``, also for one that is not ``within``.
    """
    tree = ledger.tree(chain, within=within, content=content)
    details = {
        entry.sequence: ledger.readable_details_of(entry) for entry in ledger.entries(chain, upto=tree.card.size)
    }
    told = [_told(line, details[line.sequence], tree.shows_content) for line in tree.lines]
    runs = [_run(found) for found in details.values()]
    return Recorded(
        tree=tree,
        namespace=LedgerChain.objects.get(name=chain).namespace,
        runs=[run for run in dict.fromkeys(runs) if run is not None][:MAXIMUM_RUNS],
        told=told,
    )


def _run(details: dict[str, Any]) -> RunAddress | None:
    workflow_id, run_id = str(details.get("workflow_id", "")), str(details.get("run_id", ""))
    return RunAddress(workflow_id, run_id) if workflow_id and run_id else None


def _told(line: TreeLine, details: dict[str, Any], shows_content: bool) -> Told:
    is_call = line.kind in _CALLS and bool(details)
    return Told(
        line=line,
        at=datetime.fromtimestamp(details["decided_at_ms"] / 1000, tz=UTC) if is_call else line.at,
        run_id=str(details.get("run_id", "")) if is_call else "",
        activity_id=str(details.get("activity_id", "")) if is_call else "",
        request_id=line.request_id,
        reason=_reason(line, details) if shows_content else "",
    )


def _reason(line: TreeLine, details: dict[str, Any]) -> str:
    if line.kind != EntryKind.APPROVAL_DENIED:
        return ""
    try:
        return denial.parse(details["denial"]).reason
    except (MalformedStatement, KeyError):
        return ""
