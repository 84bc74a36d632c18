"""The workflow that says which tools a worker elsewhere has.

It runs on the approvals task queue with no warrant. What it says is the worker's word.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from approvals.contracts import REPORT_TOOLS_ACTIVITY, TOOL_REPORT_WORKFLOW, ToolReport


@workflow.defn(name=TOOL_REPORT_WORKFLOW)
class ToolReportWorkflow:
    """Reports tools, for as long as whoever started it has patience."""

    @workflow.run
    async def run(self, report: ToolReport) -> None:
        await workflow.execute_activity(
            REPORT_TOOLS_ACTIVITY,
            report,
            start_to_close_timeout=timedelta(seconds=30),
            schedule_to_close_timeout=timedelta(hours=1),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )
