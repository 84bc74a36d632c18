"""A Nexus service whose operation is a workflow, and a workflow elsewhere that calls it."""

from __future__ import annotations

import nexusrpc
from nexusrpc.handler import service_handler
from temporalio import nexus, workflow


@nexusrpc.service
class Payments:
    pay: nexusrpc.Operation[str, str]


@workflow.defn
class Paying:
    @workflow.run
    async def run(self, what: str) -> str:
        return f"paid {what}"


@service_handler(service=Payments)
class PaymentsHandler:
    @nexus.workflow_run_operation
    async def pay(self, context: nexus.WorkflowRunOperationContext, what: str) -> nexus.WorkflowHandle[str]:
        return await context.start_workflow(Paying.run, what, id=f"paying-{what}")


@workflow.defn
class Ordering:
    @workflow.run
    async def run(self, endpoint: str, what: str) -> str:
        client = workflow.create_nexus_client(service=Payments, endpoint=endpoint)
        return await client.execute_operation(Payments.pay, what)
