"""A malicious agent team: it has the holder key and Tenuo's plugin, and reuses approvals as it likes.

Its workflows run without the gate's workflow side, so only the guarded worker stands in its way.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
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

    from workers.gates.asking import ENDORSEMENTS_HEADER, REQUEST_HEADER
    from workers.gates.tenuo_internals import APPROVALS_HEADER

ARGUMENTS = {"service": "checkout", "environment": "production"}
DISPLAY_DIGEST = "ab" * 32


class ClaimsRequest(Interceptor):
    """Claims that every dispatch belongs to the request named in the activity's summary.

    ``disguise`` rewrites the header in which the approvals travel; ``endorsements`` go along, put there by the agent.
    ``claims`` are other things to say in the request header.
    """

    def __init__(
        self, disguise: Callable[[bytes], bytes] = bytes, *, endorsements: Sequence[bytes] = (), **claims: str
    ) -> None:
        self._disguise = disguise
        self._endorsements = list(endorsements)
        self._claims = {"display_digest": DISPLAY_DIGEST, "policy_version": "", **claims}

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return type(
            "Claims",
            (_Inbound,),
            {
                "disguise": staticmethod(self._disguise),
                "endorsements": self._endorsements,
                "claims": self._claims,
            },
        )


class _Inbound(WorkflowInboundInterceptor):
    disguise: Callable[[bytes], bytes]
    endorsements: list[bytes]
    claims: dict[str, str]

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.next.init(_Outbound(outbound, self.disguise, self.endorsements, self.claims))


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(
        self,
        next: WorkflowOutboundInterceptor,
        disguise: Callable[[bytes], bytes],
        endorsements: list[bytes],
        claims: dict[str, str],
    ) -> None:
        super().__init__(next)
        self._disguise, self._endorsements, self._claims = disguise, endorsements, claims

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        # Tenuo has put a prefix before it.
        claimed = {**self._claims, "request_id": (input.summary or "").rpartition(" ")[2]}
        headers = {**input.headers, REQUEST_HEADER: Payload(data=json.dumps(claimed).encode())}
        if self._endorsements:
            texts = [base64.b64encode(data).decode() for data in self._endorsements]
            headers[ENDORSEMENTS_HEADER] = Payload(data=json.dumps(texts).encode())
        if APPROVALS_HEADER in headers:
            headers[APPROVALS_HEADER] = Payload(data=self._disguise(headers[APPROVALS_HEADER].data))
        return self.next.start_activity(replace(input, headers=headers))


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
    async def run(
        self, approvals: list[str], request_id: str, times: int, task_queue: str, activity_id: str | None = None
    ) -> list[str]:
        self._approvals = self._approvals or approvals
        await workflow.wait_condition(lambda: bool(self._approvals))
        signed = [tenuo_core.SignedApproval.from_bytes(base64.b64decode(text)) for text in self._approvals]
        if activity_id:  # which only one activity may have at a time
            return [await self._dispatch(signed, request_id, task_queue, activity_id) for _ in range(times)]
        return list(await asyncio.gather(*[self._dispatch(signed, request_id, task_queue) for _ in range(times)]))

    async def _dispatch(
        self, signed: list[Any], request_id: str, task_queue: str, activity_id: str | None = None
    ) -> str:
        set_activity_approvals(signed)
        try:
            await workflow.execute_activity(
                "restart_service",
                args=list(ARGUMENTS.values()),
                task_queue=task_queue,
                activity_id=activity_id,
                start_to_close_timeout=timedelta(seconds=20),
                summary=request_id,
            )
        except ActivityError as error:
            return str(error.cause.type)  # type: ignore[union-attr]
        return "ran"
