"""Other versions of an agent, which do not do what the kept histories say."""

from __future__ import annotations

from temporalio import workflow

from tests.gates import agents


@workflow.defn(name="ForgivingAgent")
class CuriousAgent:
    """Makes another call first."""

    @workflow.run
    async def run(self, service: str) -> str:
        await workflow.execute_activity(agents.read_logs, service, start_to_close_timeout=agents.SHORT)
        return await agents.restart(service)


@workflow.defn(name="ForgivingAgent")
class LazyAgent:
    """Makes no call."""

    @workflow.run
    async def run(self, service: str) -> str:
        return "nothing to do"
