"""A workflow that puts a secret into everything that can carry one. Each place has a canary of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import nexusrpc
import temporalio.api.common.v1
from temporalio import activity, workflow
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, NexusOperationError
from temporalio.worker import Worker

PREFIX = "canary7f3a"
PLACES = (
    "argument", "result", "activity-argument", "activity-result", "activity-failure", "activity-detail",
    "heartbeat", "local-argument", "local-result", "summary", "timer-summary", "static-summary", "static-details",
    "memo", "upserted-memo", "signal", "query", "answer", "update", "update-result", "rejected-update",
    "child-argument", "child-failure", "header", "nexus-input", "nexus-result", "nexus-failure", "continued",
    "schedule-argument", "schedule-memo",
)  # fmt: skip
SERVICE = "Secrets"
# Long enough to look at the activity while it waits: then the server tells its heartbeat and its failure.
RETRY_DELAY = timedelta(seconds=1)


def canary(place: str) -> str:
    assert place in PLACES
    return f"{PREFIX}-{place}-end"


@activity.defn
async def careless(said: str) -> str:
    """Put a canary into a heartbeat, fail with another, and at last return one."""
    assert said == canary("activity-argument")
    activity.heartbeat(canary("heartbeat"))
    if activity.info().attempt == 1:
        raise ApplicationError(canary("activity-failure"), canary("activity-detail"), next_retry_delay=RETRY_DELAY)
    return canary("activity-result")


@activity.defn
async def locally(said: str) -> str:
    assert said == canary("local-argument")
    return canary("local-result")


@nexusrpc.service(name=SERVICE)
class Secrets:
    tell: nexusrpc.Operation[str, str]
    fail: nexusrpc.Operation[str, str]


@nexusrpc.handler.service_handler(service=Secrets)
class SecretsHandler:
    @nexusrpc.handler.sync_operation
    async def tell(self, ctx: nexusrpc.handler.StartOperationContext, said: str) -> str:
        assert said == canary("nexus-input")
        return canary("nexus-result")

    @nexusrpc.handler.sync_operation
    async def fail(self, ctx: nexusrpc.handler.StartOperationContext, said: str) -> str:
        raise ApplicationError(canary("nexus-failure"), non_retryable=True)


@workflow.defn
class Child:
    @workflow.run
    async def run(self, said: str) -> None:
        raise ApplicationError(canary("child-failure"), said, non_retryable=True)


@workflow.defn
class Everything:
    def __init__(self) -> None:
        self._heard: list[str] = []

    @workflow.run
    async def run(self, said: str, endpoint: str) -> str:
        if said != canary("continued"):
            await self._use_everything(endpoint)
            workflow.continue_as_new(args=[canary("continued"), endpoint])
        return canary("result")

    async def _use_everything(self, endpoint: str) -> None:
        workflow.upsert_memo({"upserted": canary("upserted-memo")})
        assert await workflow.execute_activity(
            careless,
            canary("activity-argument"),
            start_to_close_timeout=timedelta(seconds=20),
            heartbeat_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary=canary("summary"),
        ) == canary("activity-result")
        assert await workflow.execute_local_activity(
            locally, canary("local-argument"), start_to_close_timeout=timedelta(seconds=20)
        ) == canary("local-result")
        await workflow.sleep(timedelta(milliseconds=1), summary=canary("timer-summary"))
        await self._child()
        await self._over_nexus(endpoint)
        await workflow.wait_condition(lambda: {canary("signal"), canary("update")} <= set(self._heard))
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _child(self) -> None:
        child = await workflow.start_child_workflow(
            Child.run, canary("child-argument"), id=f"{workflow.info().workflow_id}-child"
        )
        (failed,) = await asyncio.gather(child, return_exceptions=True)
        assert isinstance(failed, ChildWorkflowError)
        assert isinstance(failed.cause, ApplicationError)
        assert failed.cause.message == canary("child-failure")
        assert list(failed.cause.details) == [canary("child-argument")]

    async def _over_nexus(self, endpoint: str) -> None:
        client = workflow.create_nexus_client(service=Secrets, endpoint=endpoint)
        assert await client.execute_operation(Secrets.tell, canary("nexus-input")) == canary("nexus-result")
        failing = client.execute_operation(Secrets.fail, canary("nexus-input"))
        (failed,) = await asyncio.gather(failing, return_exceptions=True)
        assert isinstance(failed, NexusOperationError)
        assert canary("nexus-failure") in _texts(failed)

    @workflow.signal
    def hear(self, said: str) -> None:
        self._heard.append(said)

    @workflow.query
    def ask(self, said: str) -> str:
        return canary("answer") if said == canary("query") else "no"

    @workflow.update
    async def change(self, said: str) -> str:
        self._heard.append(said)
        return canary("update-result")

    @change.validator
    def check(self, said: str) -> None:
        if said != canary("update"):
            raise ApplicationError(said)


@workflow.defn
class Failing:
    """Fails with an activity's error, which carries text from two sides."""

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.execute_activity(
                careless,
                canary("activity-argument"),
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            raise ApplicationError(str(error.cause), non_retryable=True) from error


class Header(Interceptor):
    """Puts a canary into a header, as Tenuo puts warrants there."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Header(next)


class _Header(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        data = canary("header").encode()
        header = temporalio.api.common.v1.Payload(metadata={"encoding": b"binary/plain"}, data=data)
        input.headers = {**input.headers, "secret": header}
        return await super().start_workflow(input)


def _texts(error: BaseException | None) -> str:
    return f"{error} {_texts(error.__cause__)}" if error else ""


def worker(client: Client, queue: str, workflows: Sequence[type] = (Everything, Child, Failing)) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=workflows,
        activities=[careless, locally],
        nexus_service_handlers=[SecretsHandler()],
    )


__all__ = ["PLACES", "PREFIX", "Child", "Everything", "Failing", "Header", "canary", "worker"]
