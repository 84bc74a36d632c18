"""Writing what workers decided to the ledger, one record or many in one transaction."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence

import tenuo_core
from django.db import transaction

from approvals.contracts import CallVerdict, ReceiptRecord
from approvals.errors import ApprovalError
from approvals.requests.services import mark_verified
from audit.ledger.errors import LedgerError
from audit.models import LedgerEntry
from audit.receipts.services import is_recorded
from audit.receipts.services import record as record_receipt

logger = logging.getLogger(__name__)


class MalformedRecord(ValueError):
    """A receipt record that can never be written, however often it is tried; says why."""


def record_receipts(records: Sequence[ReceiptRecord]) -> None:
    """Write ``records`` in one transaction: all of them or none. Writing one twice is harmless.

    Raises ``MalformedRecord`` for the first that can never be written.
    """
    with transaction.atomic():
        for record in records:
            _record_one(record)


def record_each(records: Sequence[ReceiptRecord]) -> None:
    """Write ``records``; those that can never be written keep back no others.

    Raises ``MalformedRecord`` for the first of those, after the others were written.
    """
    try:
        record_receipts(records)
    except MalformedRecord:
        refusals = [refusal for refusal in map(_refusal, records) if refusal is not None]
        if refusals:
            raise refusals[0] from None


def _refusal(record: ReceiptRecord) -> MalformedRecord | None:
    """Write ``record``; return why it cannot be, having said so."""
    try:
        record_receipts([record])
    except MalformedRecord as error:
        logger.critical("A receipt is lost: %s", error)
        return error
    return None


def record_gate(record: ReceiptRecord) -> None:
    """Write the receipt of a stopped call before its request, unless its worker was faster.

    One that is not genuine is nobody's evidence, and keeps nobody from being asked.
    """
    try:
        if not is_recorded(bytes.fromhex(record.receipt)):
            record_receipts([record])
    except ValueError as error:  # of which MalformedRecord is one
        logger.error("A call was stopped, but its receipt cannot be kept: %s", error)


def _record_one(record: ReceiptRecord) -> None:
    try:
        with transaction.atomic():
            entry = _to_ledger(record)
    except (LedgerError, ValueError) as error:  # of which MalformedBytes and binascii.Error are two
        raise MalformedRecord(
            f"Receipt {record.sequence!r} of worker {record.worker!r} cannot be written. {error}"
        ) from error
    if entry is not None and record.request_id and record.approvals and record.verdict == CallVerdict.ALLOWED:
        _mark_verified(record)


def _mark_verified(record: ReceiptRecord) -> None:
    request_hash = tenuo_core.verify_receipt(bytes.fromhex(record.receipt)).request_hash
    try:
        mark_verified(request_id=record.request_id, request_hash=bytes.fromhex(request_hash), at_ms=record.at_ms)
    except ApprovalError as error:
        # Which request it was is the agent's word. The receipt is evidence all the same.
        logger.warning("Receipt %s of worker %r names a request: %s", record.sequence, record.worker, error)


def _to_ledger(record: ReceiptRecord) -> LedgerEntry | None:
    return record_receipt(
        receipt=bytes.fromhex(record.receipt),
        verdict=record.verdict,
        tool=record.tool,
        chain=record.chain,
        arguments_cbor=_bytes(record.arguments_cbor),
        warrant_chain=[_bytes(warrant) for warrant in record.warrant_chain],
        proof_of_possession=_bytes(record.proof_of_possession),
        approvals=[_bytes(approval) for approval in record.approvals],
        namespace=record.namespace,
        workflow_id=record.workflow_id,
        run_id=record.run_id,
        activity_id=record.activity_id,
        attempt=record.attempt,
        at_ms=record.at_ms,
        worker=record.worker,
        sequence=record.sequence,
        request_id=record.request_id,
        key_endorsements=[_bytes(envelope) for envelope in record.endorsements],
        code=record.code,
        detail=record.detail,
    )


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
