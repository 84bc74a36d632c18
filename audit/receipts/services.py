"""Recording what workers decided: one ledger entry per signed receipt.

Whoever can start a workflow can send a receipt, so none is believed that an auditor would not accept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, transaction

from audit.keys.contracts import Purpose
from audit.ledger.errors import LedgerError
from audit.ledger.queries import details_of
from audit.ledger.services import append
from audit.models import LedgerEntry, RecordedReceipt
from audit.receipts.handed_on import record_handed_on
from audit.statements import statements
from audit.statements.kinds import EntryKind
from audit.verify.fields import Fields
from audit.verify.receipts import check_receipt, decode_arguments
from audit.verify.steps import Refused, Step, require
from audit.verify.warrants import parse

MAXIMUM_WORKER = 200
_KINDS = {
    "allowed": EntryKind.CALL_ALLOWED,
    "denied": EntryKind.CALL_DENIED,
    "gated": EntryKind.CALL_GATED,
}


class UnknownVerdict(LedgerError):
    """A worker reported a verdict that is none of allowed, denied and gated."""


class UnknownChain(LedgerError):
    """A worker reported a receipt for something that is not an incident's chain."""


class NotGenuine(LedgerError):
    """A receipt that no endorsed worker key made, or that speaks of another call; says which."""


class NumberTaken(LedgerError):
    """Two receipts under one number of one worker."""


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
    key_endorsements: Sequence[bytes] = (),
) -> LedgerEntry | None:
    """Append a worker's receipt to the chain of its root warrant, once per (``worker``, ``sequence``).

    ``receipt`` is Tenuo's wire form, ``warrant_chain`` root first, ``at_ms`` when the worker decided,
    ``key_endorsements`` the envelopes by which the worker knew the approvers.
    Returns None if the receipt was recorded before. Raises ``UnknownVerdict``, ``UnknownChain``, ``NotGenuine``,
    ``NumberTaken``, or ``MalformedBytes`` if a value has no canonical form.
    """
    if verdict not in _KINDS:
        raise UnknownVerdict(f"A worker reported the verdict {verdict!r}; it must be allowed, denied or gated.")
    details: dict[str, Any] = {
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
        "key_endorsements": list(key_endorsements),
    }
    if is_recorded(receipt):
        return None
    _require_genuine(_KINDS[verdict], chain, details, arguments_cbor)
    if RecordedReceipt.objects.filter(worker=worker, sequence=sequence).exists():
        raise NumberTaken(f"Another receipt was recorded under number {sequence} of worker {worker!r}.")
    try:
        with transaction.atomic():
            record_handed_on(chain, warrant_chain)
            entry = append(
                chain=chain, kind=_KINDS[verdict], details=details, attachments={"arguments": arguments_cbor}
            )
            RecordedReceipt.objects.create(digest=_digest(receipt), worker=worker, sequence=sequence, entry=entry)
    except IntegrityError:
        # Another delivery of the same receipt was faster; anything else is a real fault.
        if not is_recorded(receipt):
            raise
        return None
    return entry


def _digest(receipt: bytes) -> bytes:
    return hashlib.sha256(receipt).digest()


def is_recorded(receipt: bytes) -> bool:
    """Return whether the receipt, in Tenuo's wire form, is in the ledger."""
    return RecordedReceipt.objects.filter(digest=_digest(receipt)).exists()


def _require_genuine(kind: EntryKind, chain: str, details: dict[str, Any], arguments_cbor: bytes) -> None:
    """Raise unless an endorsed key signed this receipt, for this call under the warrant that ``chain`` is named by."""
    fields, receipts_keys = Fields(details, Step.RECEIPT), _receipts_keys(chain)
    try:
        _require_numbers(fields)
        warrants = parse(fields.list_of_data("warrant_chain"))
        require(warrants[0].id == chain, Step.RECEIPT, "The receipt belongs to another incident.")
        check_receipt(kind, fields, decode_arguments(arguments_cbor, Step.RECEIPT), warrants, receipts_keys)
    except Refused as refused:
        raise NotGenuine(str(refused)) from refused


def _require_numbers(fields: Fields) -> None:
    worker, sequence = fields.text("worker"), fields.integer("worker_sequence")
    named = 1 <= len(worker) <= MAXIMUM_WORKER and worker.isprintable()
    require(named, Step.RECEIPT, f"The worker's name is not 1 to {MAXIMUM_WORKER} printable characters.")
    require(1 <= sequence < 2**63, Step.RECEIPT, "The receipt has no number of its own.")


@lru_cache(maxsize=1024)
def _receipts_keys(chain: str) -> frozenset[bytes]:
    """Return the keys that the issuer endorsed for receipts when the warrant was minted. Raises ``UnknownChain``."""
    # PostgreSQL takes no NUL, not even to look for it.
    is_name = chain.isprintable()
    first = (
        LedgerEntry.objects.filter(chain=chain, sequence=1, kind=EntryKind.WARRANT_MINTED).first() if is_name else None
    )
    if first is None:
        raise UnknownChain(f"A worker reported a receipt for {chain!r}, which is no warrant that was minted here.")
    endorsed = [statements.parse(data).facts for data in details_of(first).get("endorsements", [])]
    return frozenset(facts["key"] for facts in endorsed if facts["role"] == Purpose.RECEIPTS)
