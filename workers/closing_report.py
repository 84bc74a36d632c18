"""The workflow that reports for those who cannot: a run that is over, a worker without the database.

It runs on the approvals task queue with no warrant, and goes on until the application heard it.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from approvals.contracts import (
        CLOSING_REPORT_WORKFLOW,
        RECORD_RECEIPTS_ACTIVITY,
        REPORT_OUTCOME_ACTIVITY,
        REPORT_RUN_ACTIVITY,
        ClosingReport,
        Outcome,
        ReceiptRecord,
        RunReport,
    )

SETTLE = timedelta(seconds=0.5)
_PATIENTLY = RetryPolicy(maximum_attempts=0, maximum_interval=timedelta(seconds=30))


@workflow.defn(name=CLOSING_REPORT_WORKFLOW)
class ClosingReportWorkflow:
    """Reports receipts, then outcomes, then the run. One report that is refused for good does not stop the others."""

    @workflow.run
    async def run(self, report: ClosingReport) -> None:
        refused: list[ActivityError] = []
        if report.receipts:
            await _report(RECORD_RECEIPTS_ACTIVITY, report.receipts, refused)
        for outcome in report.outcomes:
            await _report(REPORT_OUTCOME_ACTIVITY, outcome, refused)
        if report.run is not None:
            # Receipts of the run's last calls travel on their own, and may be a moment behind.
            await workflow.sleep(SETTLE)
            await _report(REPORT_RUN_ACTIVITY, report.run, refused)
        if refused:
            raise refused[0]


async def _report(
    activity: str, message: Outcome | RunReport | list[ReceiptRecord], refused: list[ActivityError]
) -> None:
    try:
        await workflow.execute_activity(
            activity,
            message,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=_PATIENTLY,
        )
    except ActivityError as error:
        refused.append(error)
