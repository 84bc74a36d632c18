"""The workflow that sweeps: a schedule starts it, one after the other, on the approvals task queue."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

SWEEP_WORKFLOW = "countersign.sweep"
SWEEP_ACTIVITY = "countersign.sweep_requests"


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    """Goes on where the last sweep that succeeded stopped."""

    @workflow.run
    async def run(self) -> str:
        """Return the id of the last request that was looked at, or nothing after the last of all."""
        after = workflow.get_last_completion_result(str) if workflow.has_last_completion_result() else ""
        return await workflow.execute_activity(
            SWEEP_ACTIVITY,
            after,
            result_type=str,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=1),  # the next sweep is the retry
        )
