"""What a run tells Countersign: how its gated calls ended, and how it ended itself.

Nothing here makes the workflow wait for Countersign to be up: an outcome is sent beside the
workflow's own work, and what is still unsent when the run closes goes to a workflow of its own.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, FailureError

from approvals.contracts import (
    CLOSING_REPORT_WORKFLOW,
    REPORT_OUTCOME_ACTIVITY,
    ClosingReport,
    GateRequest,
    Outcome,
    OutcomeStatus,
    RunReport,
)
from workers.gates import tenuo_internals
from workers.gates.run_state import RunState, now_ms

MAXIMUM_TEXT = 4000
PATIENT_RETRY = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10))


class Reports:
    """The reports of one run. ``task_queue`` is the one that Countersign listens on."""

    def __init__(self, state: RunState, task_queue: str) -> None:
        self._state = state
        self._task_queue = task_queue
        self._unsent: dict[str, Outcome] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def own_activity(self, name: str, argument: Any, **options: Any) -> workflow.ActivityHandle[Any]:
        """Start one of Countersign's activities."""
        with tenuo_internals.without_warrant():
            return workflow.start_activity(
                name, argument, task_queue=self._task_queue, retry_policy=PATIENT_RETRY, **options
            )

    def outcome(
        self,
        request: GateRequest | None,
        status: OutcomeStatus,
        *,
        code: str = "",
        detail: str = "",
        result: Any = None,
    ) -> None:
        """Report how the call of ``request`` ended; does nothing for a call that no one was asked about."""
        if request is None:
            return
        outcome = Outcome(
            request_id=request.request_id,
            status=status,
            at_ms=now_ms(),
            error_type=code,
            detail=detail[:MAXIMUM_TEXT],
            result_json=_preview(result) if status == OutcomeStatus.EXECUTED else "",
        )
        self._unsent[outcome.request_id] = outcome
        sending = asyncio.create_task(self._send(outcome), name=f"report: {outcome.request_id}")
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def end_of_run(self, status: str | None, detail: str = "") -> None:
        """Hand over what is left to report. ``status`` is None for a run that continues as new."""
        info = workflow.info()
        run = None
        if status is not None and info.parent is None:
            run = RunReport(
                chain=tenuo_internals.warrant_chain(self._state.headers)[0].id,
                namespace=info.namespace,
                workflow_id=info.workflow_id,
                run_id=info.run_id,
                status=status,
                at_ms=now_ms(),
                detail=detail[:MAXIMUM_TEXT],
            )
        if run is None and not self._unsent:
            return
        closing = workflow.start_child_workflow(
            CLOSING_REPORT_WORKFLOW,
            ClosingReport(outcomes=list(self._unsent.values()), run=run),
            id=f"{info.workflow_id}/closing/{info.run_id}",
            task_queue=self._task_queue,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
        try:
            # A cancelled run still owes its report.
            await asyncio.shield(asyncio.ensure_future(closing))
        except FailureError:
            workflow.logger.warning("The closing report of this run could not be started.", exc_info=True)

    async def _send(self, outcome: Outcome) -> None:
        try:
            await self.own_activity(
                REPORT_OUTCOME_ACTIVITY,
                outcome,
                start_to_close_timeout=timedelta(seconds=30),
                schedule_to_close_timeout=timedelta(hours=24),
            )
        except ActivityError:
            return  # It stays unsent, and the closing report takes it along.
        self._unsent.pop(outcome.request_id, None)


def _preview(result: Any) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, default=_as_data)[:MAXIMUM_TEXT]
    except (TypeError, ValueError):
        return json.dumps(type(result).__name__)


def _as_data(value: Any) -> Any:
    """Return what JSON can hold of ``value``: the fields of a dataclass, of anything else its type's name."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    return type(value).__name__
