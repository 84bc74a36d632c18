"""The gate inside the workflow: catch, ask, wait, dispatch again, report.

Workflows and activities stay as they are: ``await workflow.execute_activity(...)`` takes as long
as the people take. Tenuo's interceptor runs inside this one and signs every dispatch.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import tenuo_core
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.worker import Interceptor as WorkerInterceptor
from tenuo.temporal import set_activity_approvals

from approvals.contracts import (
    APPROVAL_DENIED,
    APPROVAL_EXPIRED,
    CLOSING_REPORT_WORKFLOW,
    DECISION_SIGNAL,
    OPEN_REQUEST_ACTIVITY,
    REPORT_OUTCOME_ACTIVITY,
    CallVerdict,
    ClosingReport,
    GateRequest,
    Outcome,
    OutcomeStatus,
    RunReport,
)
from approvals.signing.binding import Binding
from workers.gates import reasoning, tenuo_internals
from workers.gates.errors import (
    DENIAL_TYPES,
    GATE_TYPES,
    REQUEST_REFUSED,
    STALE_PROOF,
    TOO_MANY_ROUNDS,
    GatedCallError,
)
from workers.gates.run_state import GuardedCall, RunState, now_ms
from workers.gates.settings import GateSettings
from workers.gates.verdicts import Gate

REQUEST_HEADER = "countersign-request"
MAXIMUM_RESULT = 4000
_OPEN_RETRY = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10))


class GateWorkflowInterceptor(WorkerInterceptor):
    """Puts the gate into every workflow of a worker."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]], settings: GateSettings) -> None:
        self._functions = functions
        self._settings = settings

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return type(
            "CountersignGate",
            (_Inbound,),
            {"functions": self._functions, "settings": self._settings},
        )


class _Inbound(WorkflowInboundInterceptor):
    functions: Mapping[str, Callable[..., Any]]
    settings: GateSettings

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.state = RunState(functions=self.functions)
        self.next.init(_Outbound(outbound, self.state, self.settings))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        self.state.restore(input.headers)
        if not self.state.is_guarded:
            return await self.next.execute_workflow(input)
        # Signals that came earlier were buffered and are delivered now.
        workflow.set_signal_handler(DECISION_SIGNAL, self.state.receive)
        try:
            result = await self.next.execute_workflow(input)
        except workflow.ContinueAsNewError:
            await self._report_the_end(None)
            raise
        except FailureError as error:
            status = "cancelled" if is_cancelled_exception(error) else "failed"
            await self._report_the_end(status, str(error))
            raise
        except asyncio.CancelledError as error:
            await self._report_the_end("cancelled", str(error))
            raise
        await self._report_the_end("completed")
        return result

    async def _report_the_end(self, status: str | None, detail: str = "") -> None:
        """Hand what is left to report to a workflow of its own, so that this run need not wait for Countersign."""
        info = workflow.info()
        run = None
        if status is not None and info.parent is None:
            chain = tenuo_internals.warrant_chain(self.state.headers)
            run = RunReport(
                chain=chain[0].id,
                namespace=info.namespace,
                workflow_id=info.workflow_id,
                run_id=info.run_id,
                status=status,
                at_ms=now_ms(),
                detail=detail[:MAXIMUM_RESULT],
            )
        if run is None and not self.state.unreported:
            return
        report = ClosingReport(outcomes=list(self.state.unreported.values()), run=run)
        start = workflow.start_child_workflow(
            CLOSING_REPORT_WORKFLOW,
            report,
            id=f"{info.workflow_id}/closing/{info.run_id}",
            task_queue=self.settings.approvals_task_queue,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
        try:
            # A cancelled run still owes its report.
            await asyncio.shield(asyncio.ensure_future(start))
        except (ChildWorkflowError, FailureError):
            workflow.logger.warning("The closing report of this run could not be started.", exc_info=True)


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, state: RunState, settings: GateSettings) -> None:
        super().__init__(next)
        self._state = state
        self._settings = settings
        self._reports: set[asyncio.Task[None]] = set()

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        call = self._state.describe(input.activity, input.args) if self._state.is_guarded else None
        if call is None:
            return self.next.start_activity(input)
        words = reasoning.current() or (input.summary or "")
        try:
            first = self.next.start_activity(input)
        except ApplicationError as error:
            self._note_denial(call, error)
            raise
        # The first dispatch is made here and not in the task, so that commands keep the order they
        # have without this plugin.
        return asyncio.create_task(  # type: ignore[return-value]
            self._see_through(call, input, first, words), name=f"gate: {call.tool}"
        )

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        inherits = (
            self._settings.children_inherit
            and self._state.is_guarded
            and input.workflow != CLOSING_REPORT_WORKFLOW
            and not tenuo_internals.child_has_own_headers(input.id)
            and not tenuo_internals.plain_headers(input.headers)
        )
        if inherits:
            own = {name: Payload(data=value) for name, value in self._state.headers.items()}
            input = replace(input, headers={**input.headers, **own, **self._state.history_header()})
        return await self.next.start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:
        if self._state.is_guarded:
            input = replace(input, headers={**input.headers, **self._state.history_header()})
        return self.next.continue_as_new(input)

    async def _see_through(
        self, call: GuardedCall, input: StartActivityInput, dispatch: asyncio.Future[Any], words: str
    ) -> Any:
        """Await one call until it ran, was denied, or nobody answered."""
        request: GateRequest | None = None
        gate: Gate | None = None
        rounds = dispatches = 0
        while True:
            try:
                result = await dispatch
            except ActivityError as error:
                code = _code(error)
                if code == STALE_PROOF and dispatches < self._settings.dispatches_per_proof:
                    dispatches += 1
                    dispatch = self._dispatch(input, request, gate)
                    continue
                if is_cancelled_exception(error):
                    self._report(request, OutcomeStatus.WITHDRAWN, "", "The workflow cancelled the call.")
                    raise
                if code not in GATE_TYPES or not call.is_gated():
                    self._note_denial(call, error.cause)
                    self._report(request, OutcomeStatus.FAILED, code, str(error.cause or error))
                    raise
                if request is not None:
                    # The signatures did not hold until the call ran; nobody's decision disappears silently.
                    self._report(request, OutcomeStatus.WITHDRAWN, code, "The signatures expired before the call ran.")
                rounds += 1
                if rounds > self._settings.rounds_per_call:
                    raise GatedCallError(
                        f"{call.tool} was approved {rounds - 1} times, and each time too late to run.",
                        type=TOO_MANY_ROUNDS,
                        activity_type=input.activity,
                    ) from error
                self._state.record(call, CallVerdict.GATED, code, str(error.cause))
                request, gate = await self._ask(call, input, _message(error), words)
                dispatches = 0
                dispatch = self._dispatch(input, request, gate)
            except asyncio.CancelledError:
                self._report(request, OutcomeStatus.WITHDRAWN, "", "The workflow cancelled the call.")
                raise
            else:
                self._state.record(call, CallVerdict.ALLOWED)
                self._report(request, OutcomeStatus.EXECUTED, result=result)
                return result

    def _dispatch(
        self, input: StartActivityInput, request: GateRequest | None, gate: Gate | None
    ) -> asyncio.Future[Any]:
        if request is None or gate is None:
            return self.next.start_activity(input)
        headers = {**input.headers, REQUEST_HEADER: Payload(data=request.request_id.encode())}
        # No await between the two: Tenuo gives the approvals to the run's next activity, whichever it is.
        set_activity_approvals([tenuo_core.SignedApproval.from_bytes(data) for data in gate.approvals.values()])
        return self.next.start_activity(replace(input, headers=headers))

    async def _ask(
        self, call: GuardedCall, input: StartActivityInput, message: str, words: str
    ) -> tuple[GateRequest, Gate]:
        """Open a request and wait for people; return when enough of them approved."""
        request = self._request(call, message, words)
        gate = Gate(
            binding=Binding(request.request_id, request.namespace, request.workflow_id, request.run_id),
            request_hash=call.request_hash,
            approver_keys=frozenset(bytes(key.to_bytes()) for key in call.leaf.required_approvers() or ()),
            threshold=call.leaf.approval_threshold(),
            signature_lifetime_seconds=self._settings.signature_lifetime_seconds,
        )
        self._state.gates[request.request_id] = gate
        try:
            await self._open(request, input)
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: gate.is_settled, timeout=self._time_left(request))
        except asyncio.CancelledError:
            self._report(request, OutcomeStatus.WITHDRAWN, "", "The workflow cancelled the call.")
            raise
        finally:
            del self._state.gates[request.request_id]
        if gate.is_approved:
            return request, gate
        raise self._refused(call, input, request, gate)

    def _request(self, call: GuardedCall, message: str, words: str) -> GateRequest:
        info = workflow.info()
        opened_at_ms = now_ms()
        return GateRequest(
            request_id=f"apr_{workflow.uuid4().hex}",
            namespace=info.namespace,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            workflow_type=info.workflow_type,
            tool=call.tool,
            arguments_cbor=base64.b64encode(call.arguments_cbor).decode(),
            request_hash=call.request_hash.hex(),
            warrant_chain=[base64.b64encode(bytes(warrant.to_bytes())).decode() for warrant in call.chain],
            gate_message=message,
            reasoning=words,
            opened_at_ms=opened_at_ms,
            expires_at=min(opened_at_ms // 1000 + self._settings.request_lifetime_seconds, call.expires_at),
            history=list(self._state.history),
        )

    async def _open(self, request: GateRequest, input: StartActivityInput) -> None:
        try:
            await self._own_activity(
                OPEN_REQUEST_ACTIVITY,
                request,
                start_to_close_timeout=timedelta(seconds=30),
                schedule_to_close_timeout=self._time_left(request),
                retry_policy=_OPEN_RETRY,
            )
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError):
                raise GatedCallError(
                    f"Countersign refused the approval request for {request.tool}. {error.cause.message}",
                    type=REQUEST_REFUSED,
                    activity_type=input.activity,
                ) from error
            raise GatedCallError(
                f"Nobody could be asked to approve {request.tool}: Countersign did not answer in time.",
                type=APPROVAL_EXPIRED,
                activity_type=input.activity,
            ) from error

    def _refused(
        self, call: GuardedCall, input: StartActivityInput, request: GateRequest, gate: Gate
    ) -> GatedCallError:
        """Record and report a denial or an expiry, and return the error for the workflow."""
        if gate.denial is not None:
            reason = gate.denial.reason
            self._state.record(call, CallVerdict.DENIED, APPROVAL_DENIED, reason)
            self._report(request, OutcomeStatus.DENIED, APPROVAL_DENIED, reason)
            return GatedCallError(
                f"A person denied {call.tool}: {reason}", reason, type=APPROVAL_DENIED, activity_type=input.activity
            )
        detail = f"Nobody decided on {call.tool} in time."
        self._state.record(call, CallVerdict.DENIED, APPROVAL_EXPIRED, detail)
        self._report(request, OutcomeStatus.EXPIRED, APPROVAL_EXPIRED, detail)
        return GatedCallError(detail, type=APPROVAL_EXPIRED, activity_type=input.activity)

    def _time_left(self, request: GateRequest) -> timedelta:
        """Return how long the workflow waits: until the request ends, and a little for a decision on its way."""
        seconds = request.expires_at + self._settings.delivery_grace_seconds - workflow.now().timestamp()
        return timedelta(seconds=max(seconds, 1))

    def _note_denial(self, call: GuardedCall, cause: BaseException | None) -> None:
        if isinstance(cause, ApplicationError) and cause.type in DENIAL_TYPES:
            self._state.record(call, CallVerdict.DENIED, cause.type or "", cause.message)
        else:
            # It was allowed to run, and failed on its own.
            self._state.record(call, CallVerdict.ALLOWED, "FAILED", str(cause or ""))

    def _report(
        self, request: GateRequest | None, status: OutcomeStatus, code: str = "", detail: str = "", result: Any = None
    ) -> None:
        """Tell Countersign how a gated call ended, without making the workflow wait for it."""
        if request is None:
            return
        outcome = Outcome(
            request_id=request.request_id,
            status=status,
            at_ms=now_ms(),
            error_type=code,
            detail=detail[:MAXIMUM_RESULT],
            result_json=_preview(result) if status == OutcomeStatus.EXECUTED else "",
        )
        self._state.unreported[outcome.request_id] = outcome
        task = asyncio.create_task(self._send_report(outcome), name=f"report: {outcome.request_id}")
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _send_report(self, outcome: Outcome) -> None:
        try:
            await self._own_activity(
                REPORT_OUTCOME_ACTIVITY,
                outcome,
                start_to_close_timeout=timedelta(seconds=30),
                schedule_to_close_timeout=timedelta(hours=24),
                retry_policy=_OPEN_RETRY,
            )
        except ActivityError:
            return  # It stays unreported, and the closing report takes it along.
        self._state.unreported.pop(outcome.request_id, None)

    def _own_activity(self, name: str, argument: Any, **options: Any) -> workflow.ActivityHandle[Any]:
        with tenuo_internals.without_warrant():
            return workflow.start_activity(name, argument, task_queue=self._settings.approvals_task_queue, **options)


def _code(error: ActivityError) -> str:
    return (error.cause.type or "") if isinstance(error.cause, ApplicationError) else ""


def _message(error: ActivityError) -> str:
    return error.cause.message if isinstance(error.cause, ApplicationError) else str(error)


def _preview(result: Any) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, default=lambda value: type(value).__name__)[:MAXIMUM_RESULT]
    except (TypeError, ValueError):
        return json.dumps(type(result).__name__)
