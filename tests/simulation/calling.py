"""Calls in the ledger, as workers recorded them."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.ledger.services import append
from audit.models import LedgerEntry
from audit.rings.services import ensure_ring
from audit.statements import cbor
from audit.statements.kinds import EntryKind

ALLOWED, GATED, DENIED = EntryKind.CALL_ALLOWED, EntryKind.CALL_GATED, EntryKind.CALL_DENIED


def record(kind: EntryKind, chain: str, tool: str, arguments: dict[str, Any], **details: Any) -> LedgerEntry:
    """Append a worker's decision to ``chain``; ``details`` replace what it says."""
    said = {"tool": tool, "code": "", "approvals": [], "attempt": 1, **details}
    with transaction.atomic():
        ensure_ring(namespace="default")
        return append(chain=chain, kind=kind, details=said, attachments={"arguments": cbor.encode(arguments)})
