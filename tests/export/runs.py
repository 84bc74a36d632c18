"""Workflows that end in every way, for exports to find."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest, ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

QUEUE = "export-tests"


@workflow.defn
class Ending:
    @workflow.run
    async def run(self, how: str) -> str:
        if how == "fail":
            raise ApplicationError("It failed.", non_retryable=True)
        if how == "retry" and workflow.info().attempt < 3:
            raise ApplicationError("Again.")
        if how == "continue":
            workflow.continue_as_new("complete")
        if how == "wait":
            await asyncio.sleep(3600)
        return f"ended: {how}"


async def new_namespace(client: Client) -> Client:
    """Return a client for a namespace of its own, in which only the test's runs are."""
    name = f"export-{uuid.uuid4().hex[:12]}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    own = Client(client.service_client, namespace=name)
    async with asyncio.timeout(30):
        # The server's own caches learn of it a little later.
        while not await _knows(own):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return own


async def _knows(client: Client) -> bool:
    try:
        await client.count_workflows("")
        await client.get_workflow_handle("none").describe()
    except RPCError as error:
        return "amespace" not in error.message
    return True


async def run(client: Client, how: str = "complete", **options) -> str:
    """Run a workflow to its first run's end; return its workflow id."""
    handle = await client.start_workflow(Ending.run, how, id=f"{how}-{uuid.uuid4()}", task_queue=QUEUE, **options)
    if how == "wait":
        return handle.id
    first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    while (await first.describe()).status == WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return handle.id


async def every_ending(client: Client) -> int:
    """Let runs end in every way there is; return how many runs that makes."""
    for how in ("complete", "fail", "continue"):
        await run(client, how)
    await run(client, "retry", retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50)))
    await run(client, "wait", run_timeout=timedelta(milliseconds=500))
    cancelled, terminated, reset = [client.get_workflow_handle(await run(client, "wait")) for _ in range(3)]
    await cancelled.cancel()
    await terminated.terminate("enough")
    while (await reset.describe()).history_length < 4:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    for _ in range(2):
        described = await reset.describe()
        await client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=reset.id, run_id=described.run_id),
                workflow_task_finish_event_id=3,
                request_id=str(uuid.uuid4()),
            )
        )
    await reset.terminate("enough")
    return await listed(client, 1 + 1 + 2 + 3 + 1 + 1 + 1 + 3)


async def listed(client: Client, count: int) -> int:
    """Return when the server lists ``count`` closed runs."""
    async with asyncio.timeout(30):
        while (await client.count_workflows("CloseTime IS NOT NULL")).count < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return count
