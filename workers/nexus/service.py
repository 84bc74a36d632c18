"""Countersign's Nexus service: who may ask is decided here, before anything is written.

A handler does not learn which namespace calls, only through which endpoint. So every caller gets an endpoint of its
own, and what an endpoint may ask stands in ``settings.NEXUS_APPROVALS``; ``workers.nexus.door`` refuses all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeVar

import nexusrpc
import tenuo_core
from nexusrpc.handler import service_handler
from temporalio import nexus
from temporalio.common import WorkflowIDReusePolicy
from tenuo.temporal import tenuo_warrant_context

from warrants.minting.contracts import MintedWarrant
from workers.answers.contracts import (
    ApprovalAnswer,
    ApprovalAsked,
    Countersign,
    action_queue_of,
    is_request_id,
    workflow_id_of,
)
from workers.database import in_thread
from workers.nexus.admission import Asker, Refusal, Refused, admit
from workers.nexus.workflow import ApprovalWorkflow

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@service_handler(service=Countersign)
class CountersignHandler:
    """Takes questions from the endpoints of ``askers``, by name."""

    def __init__(self, askers: Mapping[str, Asker]) -> None:
        self._askers = askers

    @nexus.workflow_run_operation(name="request-approval")
    async def request_approval(
        self, ctx: nexus.WorkflowRunOperationContext, asked: ApprovalAsked
    ) -> nexus.WorkflowHandle[ApprovalAnswer]:
        """Start the workflow that asks people. The same operation asks once, however often it is started."""
        asker = self._askers[nexus.info().endpoint]
        workflow_id = operation_workflow_id(ctx)
        admission = await admitted(admit, asker, asked, workflow_id)
        async with under(admission.warrant):
            return await ctx.start_workflow(
                ApprovalWorkflow.run,
                admission.question,
                id=workflow_id,
                task_queue=action_queue_of(asker.endpoint),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )


def operation_workflow_id(ctx: nexus.WorkflowRunOperationContext) -> str:
    """Return the id of the workflow behind this operation. Raises a ``HandlerError`` for a hostile request id."""
    if not is_request_id(ctx.request_id):
        raise handler_error(
            Refusal.BAD_REQUEST, "The operation's request id must be 1 to 100 letters, digits, hyphens and dots."
        )
    return workflow_id_of(nexus.info().endpoint, ctx.request_id)


async def admitted(
    admit: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Run an admission with the database; its refusals become Nexus's errors."""
    try:
        return await in_thread(admit, *args, **kwargs)
    except Refused as refused:
        raise handler_error(refused.kind, str(refused)) from None


def under(warrant: MintedWarrant) -> AbstractAsyncContextManager[Any]:
    """Return the context in which workflows start under ``warrant``, by a client with Tenuo's interceptor."""
    return tenuo_warrant_context(tenuo_core.Warrant.from_bytes(warrant.chain[-1]), warrant.key_id)


def handler_error(kind: Refusal, sentence: str) -> nexusrpc.HandlerError:
    """Return what the caller's Temporal is told; it asks again only for ``UNAVAILABLE``."""
    return nexusrpc.HandlerError(
        sentence, type=nexusrpc.HandlerErrorType[kind], retryable_override=kind is Refusal.UNAVAILABLE
    )
