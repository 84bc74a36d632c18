"""The workflow that exports one namespace's histories: a schedule starts it every hour."""

from __future__ import annotations

from datetime import UTC, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey

from workers.export.contracts import EXPORT_ACTIVITY, EXPORT_WORKFLOW, ExportOrder, ExportReport

# Set by the server, on its own clock. A schedule that catches up still says when each start was due.
_DUE = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
HEARTBEAT = timedelta(seconds=15)
# What is not done by then is taken up by the next attempt; nothing is done twice.
ATTEMPT = timedelta(hours=2)
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=5))


@workflow.defn(name=EXPORT_WORKFLOW)
class ExportWorkflow:
    """Tries until everything that was closed when it was due is exported."""

    @workflow.run
    async def run(self, namespace: str) -> ExportReport:
        due = workflow.info().typed_search_attributes.get(_DUE) or workflow.now()
        return await workflow.execute_activity(
            EXPORT_ACTIVITY,
            ExportOrder(namespace, until=due.astimezone(UTC).isoformat()),
            result_type=ExportReport,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRIES,
        )
