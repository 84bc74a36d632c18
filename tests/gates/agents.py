"""Agents that know Temporal and nothing of Countersign."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

SHORT = timedelta(seconds=20)
effects: list[str] = []


@activity.defn
async def read_logs(service: str) -> str:
    return f"logs of {service}"


@activity.defn
async def restart_service(service: str, environment: str) -> str:
    effects.append(f"{service}/{environment}")
    return f"restarted {service}"


@activity.defn
async def delete_database(name: str) -> str:
    effects.append(f"deleted {name}")
    return "gone"


ACTIVITIES = [read_logs, restart_service, delete_database]


async def restart(service: str, environment: str = "production") -> str:
    return await workflow.execute_activity(
        restart_service, args=[service, environment], start_to_close_timeout=SHORT, summary="It leaks connections."
    )


@workflow.defn
class PlainAgent:
    @workflow.run
    async def run(self, service: str) -> str:
        await workflow.execute_activity(read_logs, service, start_to_close_timeout=SHORT)
        try:
            await workflow.execute_activity(delete_database, "payments", start_to_close_timeout=SHORT)
        except ActivityError:
            workflow.logger.info("not allowed")
        return await restart(service)


@workflow.defn
class ForgivingAgent:
    """Catches what workflows have always caught around an activity."""

    @workflow.run
    async def run(self, service: str) -> str:
        try:
            return await restart(service)
        except ActivityError as error:
            return f"{error.cause.type}: {error.cause.message}"  # type: ignore[union-attr]


@workflow.defn
class HastyAgent:
    """Tries a call once and no more."""

    @workflow.run
    async def run(self, service: str) -> str:
        once = RetryPolicy(maximum_attempts=1)
        try:
            return await workflow.execute_activity(
                restart_service, args=[service, "production"], start_to_close_timeout=SHORT, retry_policy=once
            )
        except ActivityError as error:
            return f"{error.cause.type}: {error.cause.message}"  # type: ignore[union-attr]


@workflow.defn
class BusyAgent:
    """Makes calls that need nobody, one after the other, for as long as the one that needs people waits."""

    def __init__(self) -> None:
        self.allowed = 0

    @workflow.run
    async def run(self, service: str) -> str:
        waiting = asyncio.create_task(restart(service))
        while not waiting.done():
            await restart(service, "staging")
            self.allowed += 1
            await workflow.wait([waiting], timeout=0.2)
        return await waiting

    @workflow.update
    async def goes_on(self, calls: int) -> None:
        """Return when this many calls more have run."""
        wanted = self.allowed + calls
        await workflow.wait_condition(lambda: self.allowed >= wanted)


@workflow.defn
class HurriedAgent:
    """Gives a call three seconds before Temporal tries it again."""

    @workflow.run
    async def run(self, service: str) -> str:
        return await workflow.execute_activity(
            restart_service, args=[service, "production"], start_to_close_timeout=timedelta(seconds=3)
        )


@workflow.defn
class YieldingAgent:
    """Takes the first proposal of whoever denied it, once."""

    @workflow.run
    async def run(self, service: str) -> str:
        try:
            return await restart(service)
        except ActivityError as error:
            denials = error.cause.details[1]  # type: ignore[union-attr]
            proposals = [said["proposed_arguments"] for said in denials if "proposed_arguments" in said]
            return await restart(**proposals[0]) if proposals else "gave up"


@workflow.defn
class DistantAgent:
    """Its tools run on workers of their own, on a task queue that is named after its own."""

    @workflow.run
    async def run(self, service: str) -> str:
        return await workflow.execute_activity(
            restart_service,
            args=[service, "production"],
            start_to_close_timeout=SHORT,
            task_queue=f"{workflow.info().task_queue}-tools",
        )


@workflow.defn
class ParallelAgent:
    @workflow.run
    async def run(self, services: list[str]) -> list[str]:
        child = workflow.execute_child_workflow(
            ForgivingAgent.run, services[-1], id=f"{workflow.info().workflow_id}-child"
        )
        return list(await asyncio.gather(*[restart(service) for service in services[:-1]], child))


@workflow.defn
class ContinuingAgent:
    @workflow.run
    async def run(self, rounds: int) -> str:
        result = await restart("checkout")
        if rounds > 1:
            workflow.continue_as_new(rounds - 1)
        return result


@workflow.defn
class CancellingAgent:
    @workflow.run
    async def run(self) -> str:
        handle = workflow.start_activity(restart_service, args=["checkout", "production"], start_to_close_timeout=SHORT)
        await workflow.sleep(timedelta(seconds=1))
        handle.cancel()
        try:
            await handle
        except asyncio.CancelledError:
            return "moved on"
        except ActivityError:
            return "moved on"
        return "ran"


WORKFLOWS = [
    PlainAgent,
    ForgivingAgent,
    YieldingAgent,
    HastyAgent,
    BusyAgent,
    HurriedAgent,
    DistantAgent,
    ParallelAgent,
    ContinuingAgent,
    CancellingAgent,
]
