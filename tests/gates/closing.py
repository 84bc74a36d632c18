"""A closing-report workflow that hands the report to the desk."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from approvals.contracts import CLOSING_REPORT_WORKFLOW, ClosingReport


@workflow.defn(name=CLOSING_REPORT_WORKFLOW)
class ClosingReportDesk:
    @workflow.run
    async def run(self, report: ClosingReport) -> None:
        await workflow.execute_activity(
            "test.take_closing_report", report, start_to_close_timeout=timedelta(seconds=10)
        )
