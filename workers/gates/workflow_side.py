"""The gate inside the workflow.

Workflows and activities stay as they are: ``await workflow.execute_activity(...)`` takes as long
as the people take. Tenuo's interceptor runs inside this one and signs every dispatch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from approvals.contracts import CLOSING_REPORT_WORKFLOW, DECISION_SIGNAL
from workers.gates import reasoning, tenuo_internals
from workers.gates.asking import Asking
from workers.gates.people_roots import PeopleRoots
from workers.gates.reports import Reports
from workers.gates.run_state import RunState
from workers.gates.settings import GateSettings
from workers.gates.trust import WorkflowTrust


class GateWorkflowInterceptor(Interceptor):
    """Puts the gate into every workflow of a worker."""

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], settings: GateSettings, people_roots: PeopleRoots | None
    ) -> None:
        self._parts = {"functions": functions, "settings": settings, "people_roots": people_roots}

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return type("CountersignGate", (_Inbound,), self._parts)


class _Inbound(WorkflowInboundInterceptor):
    functions: Mapping[str, Callable[..., Any]]
    settings: GateSettings
    people_roots: PeopleRoots | None

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.state = RunState(functions=self.functions)
        self.reports = Reports(self.state, self.settings.approvals_task_queue)
        trust = WorkflowTrust(self.people_roots)
        self.next.init(_Outbound(outbound, self.state, self.reports, self.settings, trust))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        self.state.restore(input.headers)
        if not self.state.is_guarded:
            return await self.next.execute_workflow(input)
        # Signals that came earlier were buffered and are delivered now.
        workflow.set_signal_handler(DECISION_SIGNAL, self.state.receive)
        try:
            result = await self.next.execute_workflow(input)
        except workflow.ContinueAsNewError:
            await self.reports.end_of_run(None)
            raise
        except (FailureError, asyncio.CancelledError) as error:
            status = "cancelled" if is_cancelled_exception(error) else "failed"
            await self.reports.end_of_run(status, str(error))
            raise
        await self.reports.end_of_run("completed")
        return result


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(
        self,
        next: WorkflowOutboundInterceptor,
        state: RunState,
        reports: Reports,
        settings: GateSettings,
        trust: WorkflowTrust,
    ) -> None:
        super().__init__(next)
        self._state, self._reports, self._settings, self._trust = state, reports, settings, trust

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        call = self._state.describe(input.activity, input.args) if self._state.is_guarded else None
        if call is None:
            return self.next.start_activity(input)
        words = reasoning.current() or input.summary or ""
        try:
            # Here and not in the task, so that commands keep the order they have without this plugin.
            first = self.next.start_activity(input)
        except ApplicationError as error:
            self._state.record_failure(call, error)
            raise
        asking = Asking(
            call,
            input,
            words,
            dispatch=self.next.start_activity,
            state=self._state,
            reports=self._reports,
            settings=self._settings,
            trust=self._trust,
        )
        return asyncio.create_task(asking.result(first), name=f"gate: {call.tool}")  # type: ignore[return-value]

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        if self._inherits(input):
            own = {name: Payload(data=value) for name, value in self._state.headers.items()}
            input = replace(input, headers={**input.headers, **own, **self._state.history_header()})
        return await self.next.start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:
        if self._state.is_guarded:
            input = replace(input, headers={**input.headers, **self._state.history_header()})
        return self.next.continue_as_new(input)

    def _inherits(self, input: StartChildWorkflowInput) -> bool:
        """Whether a child gets this run's warrant: it was given none of its own, and is not Countersign's."""
        return (
            self._settings.children_inherit
            and self._state.is_guarded
            and input.workflow != CLOSING_REPORT_WORKFLOW
            and not tenuo_internals.child_has_own_headers(input.id)
            and not tenuo_internals.plain_headers(input.headers)
        )
