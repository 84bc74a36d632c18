"""A malicious agent team: it has the holder key and Tenuo's plugin, and reuses approvals as it likes.

Its workflows run without the gate's workflow side, so only the guarded worker stands in its way.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    import tenuo_core
    from temporalio.api.common.v1 import Payload
    from tenuo.temporal import current_warrant, set_activity_approvals

ARGUMENTS = {"service": "checkout", "environment": "production"}


class ClaimsRequest(Interceptor):
    """Claims that every dispatch belongs to the request named in the activity's summary."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.next.init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        # Tenuo has put a prefix before it.
        claimed = Payload(data=(input.summary or "").rpartition(" ")[2].encode())
        return self.next.start_activity(replace(input, headers={**input.headers, "countersign-request": claimed}))


@workflow.defn
class ReplayingAgent:
    def __init__(self) -> None:
        self._approvals: list[str] = []

    @workflow.signal(name="use")
    def use(self, approvals: list[str]) -> None:
        self._approvals = approvals

    @workflow.query(name="request_hash")
    def request_hash(self) -> str:
        warrant = current_warrant()
        digest = tenuo_core.py_compute_request_hash(warrant.id, "restart_service", ARGUMENTS, warrant.holder_key)
        return bytes(digest).hex()

    @workflow.run
    async def run(self, approvals: list[str], request_id: str, times: int, task_queue: str) -> list[str]:
        self._approvals = self._approvals or approvals
        await workflow.wait_condition(lambda: bool(self._approvals))
        signed = [tenuo_core.SignedApproval.from_bytes(base64.b64decode(text)) for text in self._approvals]
        return list(await asyncio.gather(*[self._dispatch(signed, request_id, task_queue) for _ in range(times)]))

    async def _dispatch(self, signed: list[Any], request_id: str, task_queue: str) -> str:
        set_activity_approvals(signed)
        try:
            await workflow.execute_activity(
                "restart_service",
                args=list(ARGUMENTS.values()),
                task_queue=task_queue,
                start_to_close_timeout=timedelta(seconds=20),
                summary=request_id,
            )
        except ActivityError as error:
            return str(error.cause.type)  # type: ignore[union-attr]
        return "ran"
