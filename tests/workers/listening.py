"""A workflow that only listens, to see what reaches it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from approvals.contracts import DECISION_SIGNAL, Decision


@workflow.defn
class Listener:
    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.stopped = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.stopped)
        return [decision.request_id for decision in self.decisions]

    @workflow.signal(name=DECISION_SIGNAL)
    def hear(self, decision: Decision) -> None:
        self.decisions.append(decision)

    @workflow.signal
    def stop(self) -> None:
        self.stopped = True

    @workflow.update
    async def heard(self, number: int) -> list[str]:
        """Return the request ids once there are at least ``number``."""
        await workflow.wait_condition(lambda: len(self.decisions) >= number)
        return [decision.request_id for decision in self.decisions]


@workflow.defn
class Ending:
    """A workflow that ends as it is told."""

    @workflow.run
    async def run(self, how: str) -> None:
        if how == "fail":
            raise ApplicationError("It gave up.")
        if how == "continue":
            workflow.continue_as_new("wait")
        if how == "wait":
            await workflow.sleep(timedelta(hours=1))
