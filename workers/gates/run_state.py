"""What the gate keeps of one workflow run. All of it is rebuilt by replay."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import tenuo_core
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError

from approvals.contracts import CallRecord, CallVerdict
from audit.statements import cbor
from workers.gates import tenuo_internals
from workers.gates.errors import DENIAL_TYPES, MALFORMED_ARGUMENTS, refusal
from workers.gates.verdicts import Gate, read_decision

HISTORY_HEADER = "countersign-history"
MAXIMUM_HISTORY = 50
MAXIMUM_DETAIL = 500
MAXIMUM_ARGUMENTS = 4096


@dataclass(frozen=True)
class GuardedCall:
    """One call as Tenuo signs it: what a person would be asked about."""

    tool: str
    arguments: dict[str, Any]
    arguments_cbor: bytes
    chain: list[tenuo_core.Warrant]

    @property
    def leaf(self) -> tenuo_core.Warrant:
        return self.chain[-1]

    @property
    def request_hash(self) -> bytes:
        return bytes(tenuo_core.py_compute_request_hash(self.leaf.id, self.tool, self.arguments, self.leaf.holder_key))

    @property
    def expires_at(self) -> int:
        """When the warrant ends, UTC seconds since 1970."""
        return int(datetime.fromisoformat(self.leaf.expires_at()).timestamp())

    def is_gated(self) -> bool:
        return bool(tenuo_core.evaluate_approval_gates(self.leaf, self.tool, self.arguments))


@dataclass
class RunState:
    """The run's warrant headers, the calls it made and the gates it waits at."""

    functions: Mapping[str, Callable[..., Any]]
    headers: dict[str, bytes] = field(default_factory=dict)
    history: list[CallRecord] = field(default_factory=list)
    gates: dict[str, Gate] = field(default_factory=dict)

    @property
    def is_guarded(self) -> bool:
        return bool(self.headers)

    async def receive(self, *arguments: Any) -> None:
        """Handle the decision signal. Never raises: one bad signal would retry the workflow task for ever."""
        decision = read_decision(*arguments)
        gate = self.gates.get(decision.request_id) if decision else None
        if decision is None or gate is None:
            workflow.logger.warning("A decision signal that belongs to no waiting request was ignored.")
            return
        gate.offer(decision, int(workflow.now().timestamp()))

    def describe(self, activity_type: str, args: Any) -> GuardedCall | None:
        """Return the call that is about to be dispatched, or None if it carries no warrant or is no guarded activity.

        Raises a non-retryable ``MALFORMED_ARGUMENTS`` for arguments that have no canonical form.
        """
        chain = tenuo_internals.warrant_chain(tenuo_internals.headers_of_next_activity(self.headers))
        if not chain:
            return None
        function = self.functions.get(activity_type)
        if function is None:
            return None  # No guarded tool of this worker: a model call on another task queue, for example.
        tool = tenuo_internals.tool_name(activity_type, function)
        info = workflow.info()
        arguments = tenuo_internals.with_workflow_scope(
            chain[-1], tool, _named(args, function), info.namespace, info.workflow_id
        )
        try:
            encoded = cbor.encode(arguments)
        except cbor.MalformedBytes as error:
            raise refusal(f"The arguments of {tool} cannot be signed. {error}", MALFORMED_ARGUMENTS) from error
        return GuardedCall(tool, arguments, encoded, chain)

    def record(self, call: GuardedCall, verdict: CallVerdict, code: str = "", detail: str = "") -> None:
        self.history.append(
            CallRecord(
                tool=call.tool,
                verdict=verdict,
                at_ms=now_ms(),
                code=code,
                detail=detail[:MAXIMUM_DETAIL],
                # Half of them could not be read.
                arguments_cbor=base64.b64encode(
                    call.arguments_cbor if len(call.arguments_cbor) <= MAXIMUM_ARGUMENTS else b""
                ).decode(),
            )
        )
        del self.history[:-MAXIMUM_HISTORY]

    def record_failure(self, call: GuardedCall, cause: BaseException | None) -> None:
        """Record a call that was refused, or that was allowed and then failed on its own."""
        if isinstance(cause, ApplicationError) and cause.type in DENIAL_TYPES:
            self.record(call, CallVerdict.DENIED, cause.type or "", cause.message)
        else:
            self.record(call, CallVerdict.ALLOWED, "FAILED", str(cause or ""))

    def history_header(self) -> dict[str, Payload]:
        """Return the history for the next run or a child, which would otherwise begin with none."""
        lines = json.dumps([asdict(record) for record in self.history[-20:]])
        return {HISTORY_HEADER: Payload(data=lines.encode())}

    def restore(self, headers: Mapping[str, Payload]) -> None:
        """Take over the warrant and the earlier history that this run was started with."""
        self.headers = tenuo_internals.plain_headers(headers)
        payload = headers.get(HISTORY_HEADER)
        if payload is not None:
            self.history = _read_history(payload.data)


def now_ms() -> int:
    """Return the workflow's clock in milliseconds since 1970."""
    return int(workflow.now().timestamp() * 1000)


def _named(args: Any, function: Callable[..., Any] | None) -> dict[str, Any]:
    names = list(inspect.signature(function).parameters) if function else []
    return {names[index] if index < len(names) else f"arg{index}": value for index, value in enumerate(args or ())}


def _read_history(data: bytes) -> list[CallRecord]:
    # Whoever starts a workflow writes its headers: keep what has the right form, ignore the rest.
    try:
        records = [CallRecord(**line) for line in json.loads(data)]
        return [record for record in records if _is_call(record)][-MAXIMUM_HISTORY:]
    except (ValueError, TypeError, RecursionError):
        return []


def _is_call(record: CallRecord) -> bool:
    texts = (record.tool, record.verdict, record.code, record.detail, record.arguments_cbor)
    is_readable = all(isinstance(text, str) for text in texts) and record.verdict in set(CallVerdict)
    return is_readable and type(record.at_ms) is int and 0 <= record.at_ms < 2**48
