"""Recording what workers decided: one ledger entry per signed receipt."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from audit.ledger.errors import LedgerError
from audit.ledger.services import append
from audit.models import LedgerEntry, RecordedReceipt
from audit.statements.kinds import EntryKind

_KINDS = {
    "allowed": EntryKind.CALL_ALLOWED,
    "denied": EntryKind.CALL_DENIED,
    "gated": EntryKind.CALL_GATED,
}


_INCIDENT_CHAIN = re.compile(r"tnu_wrt_[0-9a-f]{32}")


class UnknownVerdict(LedgerError):
    """A worker reported a verdict that is none of allowed, denied and gated."""


class UnknownChain(LedgerError):
    """A worker reported a receipt for something that is not an incident's chain."""


def record(
    *,
    receipt: bytes,
    verdict: str,
    tool: str,
    chain: str,
    arguments_cbor: bytes,
    warrant_chain: list[bytes],
    proof_of_possession: bytes,
    approvals: list[bytes],
    namespace: str,
    workflow_id: str,
    run_id: str,
    activity_id: str,
    attempt: int,
    at_ms: int,
    worker: str,
    sequence: int,
    request_id: str,
    code: str,
    detail: str,
) -> LedgerEntry | None:
    """Append a worker's receipt to the chain of its root warrant, once per (``worker``, ``sequence``).

    ``receipt`` is Tenuo's wire form, ``warrant_chain`` root first, ``at_ms`` when the worker decided.
    Returns None if the receipt was recorded before. Raises ``UnknownVerdict``, ``UnknownChain``, or
    ``MalformedBytes`` if a value has no canonical form.
    """
    if verdict not in _KINDS:
        raise UnknownVerdict(f"A worker reported the verdict {verdict!r}; it must be allowed, denied or gated.")
    if not _INCIDENT_CHAIN.fullmatch(chain):
        raise UnknownChain(f"A worker reported a receipt for {chain!r}, which is no warrant's id.")
    details = {
        "receipt": receipt,
        "tool": tool,
        "warrant_chain": warrant_chain,
        "proof_of_possession": proof_of_possession,
        "approvals": approvals,
        "namespace": namespace,
        "workflow_id": workflow_id,
        "run_id": run_id,
        "activity_id": activity_id,
        "attempt": attempt,
        "decided_at_ms": at_ms,
        "worker": worker,
        "worker_sequence": sequence,
        "request_id": request_id,
        "code": code,
        "detail": detail,
    }
    if _is_recorded(worker, sequence):
        return None
    try:
        with transaction.atomic():
            entry = append(
                chain=chain, kind=_KINDS[verdict], details=details, attachments={"arguments": arguments_cbor}
            )
            RecordedReceipt.objects.create(worker=worker, sequence=sequence, entry=entry)
    except IntegrityError:
        # Another delivery of the same receipt was faster; anything else is a real fault.
        if not _is_recorded(worker, sequence):
            raise
        return None
    return entry


def _is_recorded(worker: str, sequence: int) -> bool:
    return RecordedReceipt.objects.filter(worker=worker, sequence=sequence).exists()
