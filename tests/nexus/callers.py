"""A team elsewhere: a workflow of its own, with no plugin and nothing of ours but the operation's fields."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import nexusrpc
    from tenuo.temporal import tenuo_execute_nexus_operation

    from workers.payments.contracts import ENDPOINT, PaymentOrder, PaymentResult, Payments


@nexusrpc.service(name="countersign")
class TheirCountersign:
    """The service as a team would write it down from the documentation."""

    ask: nexusrpc.Operation[dict[str, Any], dict[str, Any]] = nexusrpc.Operation(name="request-approval")


@workflow.defn
class TeamWorkflow:
    """Asks through its endpoint and returns the answer."""

    def __init__(self) -> None:
        self._is_given_up = False

    @workflow.signal
    def give_up(self) -> None:
        self._is_given_up = True

    @workflow.run
    async def run(self, endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
        client = workflow.create_nexus_client(service=TheirCountersign, endpoint=endpoint)
        asking = asyncio.create_task(
            client.execute_operation(TheirCountersign.ask, asked, schedule_to_close_timeout=timedelta(minutes=10))
        )
        giving_up = asyncio.create_task(workflow.wait_condition(lambda: self._is_given_up))
        await workflow.wait([asking, giving_up], return_when=asyncio.FIRST_COMPLETED)
        if giving_up.done():
            asking.cancel()
        else:
            giving_up.cancel()
        return await asking


@workflow.defn
class BareAgent:
    """Asks for a payment under no warrant at all."""

    @workflow.run
    async def run(self, order: PaymentOrder) -> PaymentResult:
        client = workflow.create_nexus_client(service=Payments, endpoint=ENDPOINT)
        return await client.execute_operation(Payments.start_payment, order)


@workflow.defn
class HastyAgent:
    """Asks for the same payment twice in one breath, so that both carry the same proof; returns what came of each."""

    @workflow.run
    async def run(self, order: PaymentOrder) -> list[str]:
        client = workflow.create_nexus_client(service=Payments, endpoint=ENDPOINT)
        asking = [tenuo_execute_nexus_operation(client, Payments.start_payment, order) for _ in range(2)]
        results = await asyncio.gather(*asking, return_exceptions=True)
        return sorted(one.status if isinstance(one, PaymentResult) else str(one.__cause__) for one in results)
