"""Genuine receipt records for tests: signed by a key that the issuer endorsed when the warrant was minted."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from typing import Any

from django.db import transaction

from approvals.contracts import CallVerdict, ReceiptRecord
from audit.ledger.services import append
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests.audit.evidence import Evidence

INCIDENT = Evidence()
CHAIN = INCIDENT.chain
ARGUMENTS = {"service": "payment-service-prod", "lines": 50}
INCIDENT.minted()
_MINTED = INCIDENT.statements[0]["details"]


def mint() -> None:
    """Put the incident's first entry into the ledger."""
    with transaction.atomic():
        append(chain=CHAIN, kind=EntryKind.WARRANT_MINTED, details=_MINTED, label="P1042")


def record(sequence: int, **changes: Any) -> ReceiptRecord:
    """Return the record of a worker's allowed call; the same number gives the same receipt."""
    return replace(recorded(_details(sequence), ARGUMENTS), **changes)


def recorded(details: dict[str, Any], arguments: dict[str, Any]) -> ReceiptRecord:
    """Return the record of ``details``, as ``Evidence.call_details`` makes them."""
    return ReceiptRecord(
        receipt=details["receipt"].hex(),
        chain=CHAIN,
        verdict=CallVerdict.ALLOWED,
        tool=details["tool"],
        arguments_cbor=_base64(cbor.encode(arguments)),
        warrant_chain=[_base64(warrant) for warrant in details["warrant_chain"]],
        proof_of_possession=_base64(details["proof_of_possession"]),
        approvals=[_base64(approval) for approval in details["approvals"]],
        namespace=details["namespace"],
        workflow_id=details["workflow_id"],
        run_id=details["run_id"],
        activity_id=details["activity_id"],
        attempt=details["attempt"],
        at_ms=details["decided_at_ms"],
        worker=details["worker"],
        sequence=details["worker_sequence"],
        request_id=details["request_id"],
    )


@cache
def _details(sequence: int) -> dict[str, Any]:
    details = INCIDENT.call_details("read_logs", ARGUMENTS, activity_id=str(sequence))
    return {**details, "worker_sequence": sequence}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
