"""Receipt records for tests. Nothing checks their signatures before an auditor does."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from approvals.contracts import CallVerdict, ReceiptRecord
from audit.statements import cbor

CHAIN = "tnu_wrt_" + "0" * 32


def record(sequence: int, **changes: Any) -> ReceiptRecord:
    made = ReceiptRecord(
        receipt="00ff",
        chain=CHAIN,
        verdict=CallVerdict.ALLOWED,
        tool="read_logs",
        arguments_cbor=base64.b64encode(cbor.encode({"service": "payment-service-prod"})).decode(),
        warrant_chain=[base64.b64encode(b"warrant").decode()],
        proof_of_possession="",
        approvals=[],
        namespace="default",
        workflow_id="incident-P1042",
        run_id="run",
        activity_id="1",
        attempt=1,
        at_ms=1_700_000_000_000,
        worker="worker-1",
        sequence=sequence,
    )
    return replace(made, **changes)
