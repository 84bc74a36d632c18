"""Receipts: one signed record for every decision this worker makes.

Tenuo calls ``emit_for_enforcement`` of its "control plane" for every allow and deny; ours signs
Tenuo's receipt and hands it, with the arguments and approvals it speaks of, to a sink. Nothing is
sent anywhere else. An allow is held until the gate's own checks have passed, so that no receipt
says "allowed" of a call that the gate then refused.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import tenuo_core
from temporalio import activity, nexus

from approvals.contracts import CallVerdict, ReceiptRecord
from audit.statements import cbor
from workers.gates import tenuo_internals
from workers.gates.dispatches import Dispatch, current_dispatch
from workers.gates.errors import GATE_TYPES

logger = logging.getLogger("countersign.gates")

_NUMBERS = ("attempt", "at_ms", "sequence")
_LISTS = ("warrant_chain", "approvals", "endorsements")


class ReceiptSink(Protocol):
    """Where receipts go.

    ``write`` takes one and returns at once; ``flush`` returns when all written before it are durable.
    """

    def write(self, record: ReceiptRecord) -> None: ...

    async def flush(self) -> None: ...


class InMemoryReceiptSink:
    """Keeps receipts in a list: for tests and for looking at what a worker does."""

    def __init__(self) -> None:
        self.records: list[ReceiptRecord] = []

    def write(self, record: ReceiptRecord) -> None:
        self.records.append(record)

    async def flush(self) -> None:
        return


class ReceiptWriter:
    """Signs receipts with ``signing_key`` (a 32-byte Ed25519 seed, endorsed by the issuer) in the name of ``worker``.

    ``worker`` names one process; its receipts count up from 1, so that a gap is visible.
    ``failures`` counts receipts that could not be made; each is logged as critical, and leaves its number unused.
    """

    def __init__(self, *, sink: ReceiptSink, signing_key: bytes, worker: str) -> None:
        self.sink = sink
        self.worker = worker
        self.failures = 0
        self._issuer = tenuo_core.ReceiptIssuer(tenuo_core.SigningKey.from_bytes(signing_key))
        self._sequence = 0

    def emit_for_enforcement(
        self,
        result: Any,
        chain_result: Any = None,
        *,
        latency_us: int = 0,
        request_id: str | None = None,
        warrant_stack_override: str | None = None,
    ) -> None:
        """Take one decision from Tenuo. Runs in the task of the activity, or Nexus operation, before its body."""
        last = self._sequence
        try:
            self._emit(result, chain_result, _place(request_id or ""))
        except Exception:
            # Tenuo swallows what is raised here, so it is counted and said aloud, and the number is left out.
            self.failures += 1
            self._sequence = max(self._sequence, last + 1)
            logger.critical("A receipt could not be written; %s are missing so far.", self.failures, exc_info=True)

    def _emit(self, result: Any, chain_result: Any, place: Place) -> None:
        dispatch = current_dispatch.get()
        self._issuer.bind_authorizer(result.authorizer)
        now_ms = time.time_ns() // 1_000_000
        if result.allowed:
            wire = self._issuer.issue_receipt(
                chain_result, result.tool, True, now_ms // 1000, _request_id(dispatch, place), None
            )
            record = self._record(result, wire, CallVerdict.ALLOWED, now_ms, dispatch, place)
            if dispatch is None:
                self._write(record)
            else:
                dispatch.allowed = record
                dispatch.refuse = lambda code, detail: self._refuse(result, dispatch, place, code, detail)
            return
        verdict = CallVerdict.GATED if result.error_type in GATE_TYPES else CallVerdict.DENIED
        wire = self._denial_receipt(result, tenuo_internals.decision_code(result.error_type), now_ms, dispatch, place)
        record = self._record(result, wire, verdict, now_ms, dispatch, place)
        record = self._write(replace(record, code=result.error_type or "", detail=(result.denial_reason or "")[:500]))
        if dispatch is not None:
            dispatch.stopped = record

    def _refuse(self, result: Any, dispatch: Dispatch, place: Place, code: str, detail: str) -> None:
        now_ms = time.time_ns() // 1_000_000
        wire = self._denial_receipt(result, code.lower().replace("_", "-"), now_ms, dispatch, place)
        record = self._record(result, wire, CallVerdict.DENIED, now_ms, dispatch, place)
        dispatch.stopped = self._write(replace(record, code=code, detail=detail))

    def settle(self, dispatch: Dispatch) -> None:
        """Write the receipt of a call that is about to run."""
        if dispatch.allowed is not None:
            self._write(dispatch.allowed)
            dispatch.allowed = None

    def _denial_receipt(
        self, result: Any, code: str, now_ms: int, dispatch: Dispatch | None, place: Place
    ) -> str | None:
        proof = result.verified_pop if result.allowed or tenuo_internals.proves_possession(result.error_type) else None
        return self._issuer.issue_denial_receipt(
            list(result.presented_chain),
            result.tool,
            result.pop_auth_args or {},
            now_ms // 1000,
            _request_id(dispatch, place),
            code,
            proof,
        )

    def _record(
        self, result: Any, wire: str | None, verdict: CallVerdict, now_ms: int, dispatch: Dispatch | None, place: Place
    ) -> ReceiptRecord:
        if not wire:
            raise RuntimeError("Tenuo made no receipt.")
        return ReceiptRecord(
            receipt=wire,
            chain=result.presented_chain[0].id,
            verdict=verdict,
            tool=result.tool,
            arguments_cbor=_base64(cbor.encode(result.pop_auth_args or {})),
            warrant_chain=[_base64(bytes(warrant.to_bytes())) for warrant in result.presented_chain],
            proof_of_possession=_base64(bytes(result.verified_pop or b"")),
            approvals=[_base64(data) for data in dispatch.approvals] if dispatch else [],
            namespace=place.namespace,
            workflow_id=place.workflow_id,
            run_id=place.run_id,
            activity_id=place.activity_id,
            attempt=place.attempt,
            at_ms=now_ms,
            worker=self.worker,
            sequence=0,
            request_id=dispatch.request_id if dispatch else "",
            endorsements=[_base64(data) for data in dispatch.endorsements] if dispatch else [],
        )

    def _write(self, record: ReceiptRecord) -> ReceiptRecord:
        """Number ``record`` and hand it to the sink; return it as it was written."""
        self._sequence += 1
        numbered = replace(record, sequence=self._sequence)
        self.sink.write(numbered)
        return numbered


def read_receipt(details: Sequence[Any]) -> ReceiptRecord | None:
    """Return the receipt that travels as the only detail of a gate's failure, or None if there is none of that form."""
    fields = details[0] if len(details) == 1 else None
    if not isinstance(fields, dict) or set(fields) != set(ReceiptRecord.__dataclass_fields__):
        return None
    expected = {**dict.fromkeys(_NUMBERS, int), **dict.fromkeys(_LISTS, list)}
    is_readable = all(isinstance(value, expected.get(name, str)) for name, value in fields.items())
    return ReceiptRecord(**fields) if is_readable else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call was decided: an activity of a run, or a Nexus operation, which knows no run of its caller's.

    Of an operation, ``activity_id`` is its request id and ``workflow_id`` that of the workflow behind it.
    """

    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str
    attempt: int


def _place(request_id: str) -> Place:
    if nexus.in_operation():
        asked = nexus.info()
        return Place(asked.namespace, f"nexus/{asked.endpoint}/{request_id}", "", request_id, 1)
    info = activity.info()
    namespace = info.workflow_namespace or info.namespace
    return Place(namespace, info.workflow_id or "", info.workflow_run_id or "", info.activity_id, info.attempt)


def _request_id(dispatch: Dispatch | None, place: Place) -> str:
    return (dispatch.request_id if dispatch else "") or place.activity_id


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
