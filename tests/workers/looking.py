"""An agent that looks again and again until it is refused."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workers.gates import setup  # noqa: F401  what every guarded worker has loaded anyway


@activity.defn
async def read_logs(service: str, minutes: int) -> str:
    return f"{service} was quiet for {minutes} minutes"


@workflow.defn
class Looking:
    """Returns why it may not look any more."""

    def __init__(self) -> None:
        self._looked = False

    @workflow.query
    def looked(self) -> bool:
        return self._looked

    @workflow.run
    async def run(self, service: str) -> str:
        while True:
            try:
                await workflow.execute_activity(
                    read_logs,
                    args=[service, 5],
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=RetryPolicy(maximum_attempts=1),
                )
            except ActivityError as error:
                return str(error.cause)
            self._looked = True
            await workflow.sleep(0.05)
