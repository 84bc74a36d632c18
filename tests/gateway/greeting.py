"""A workflow that uses what workflows use: an update, an activity, a signal to another one, a query."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn
async def greet(name: str) -> str:
    activity.heartbeat("on it")
    return f"Hello, {name}"


@workflow.defn
class Greeting:
    """Waits for a name, greets it in an activity, and stops the workflow that it was told of."""

    def __init__(self) -> None:
        self.name = ""

    @workflow.run
    async def run(self, then_stop: str) -> str:
        await workflow.wait_condition(lambda: bool(self.name))
        said = await workflow.execute_activity(greet, self.name, start_to_close_timeout=timedelta(seconds=20))
        if then_stop:
            handle = workflow.get_external_workflow_handle(then_stop)
            await handle.signal("stop")
        return said

    @workflow.update
    async def set_name(self, name: str) -> str:
        self.name = name
        return "noted"

    @workflow.query
    def known(self) -> str:
        return self.name
