"""The closing report reaches the application, however long that takes."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from approvals.contracts import (
    CLOSING_REPORT_WORKFLOW,
    REPORT_OUTCOME_ACTIVITY,
    REPORT_RUN_ACTIVITY,
    ClosingReport,
    Outcome,
    OutcomeStatus,
    RunReport,
)
from workers.closing_report import ClosingReportWorkflow

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]

REPORT = ClosingReport(
    outcomes=[Outcome("apr_1", OutcomeStatus.WITHDRAWN, 1), Outcome("apr_2", OutcomeStatus.EXECUTED, 2)],
    run=RunReport("tnu_wrt_1", "default", "incident-P1042", "run", "cancelled", 3),
)


class Application:
    """Hears reports; away for the first ``failures`` of them, and refuses ``refused``."""

    def __init__(self, *, failures: int = 0, refused: str = "") -> None:
        self.heard: list[str] = []
        self._failures, self._refused = failures, refused

    @activity.defn(name=REPORT_OUTCOME_ACTIVITY)
    def report_outcome(self, outcome: Outcome) -> None:
        self._hear(outcome.request_id)

    @activity.defn(name=REPORT_RUN_ACTIVITY)
    def report_run(self, report: RunReport) -> None:
        self._hear(report.run_id)

    def _hear(self, name: str) -> None:
        if name == self._refused:
            raise ApplicationError("There is no such request.", type="unknown_request", non_retryable=True)
        if self._failures:
            self._failures -= 1
            raise ConnectionError("the database is away")
        self.heard.append(name)


async def _report(environment: WorkflowEnvironment, application: Application) -> None:
    queue = f"closing-{uuid.uuid4()}"
    with ThreadPoolExecutor(2) as threads:
        async with Worker(
            environment.client,
            task_queue=queue,
            workflows=[ClosingReportWorkflow],
            activities=[application.report_outcome, application.report_run],
            activity_executor=threads,
        ):
            await environment.client.execute_workflow(CLOSING_REPORT_WORKFLOW, REPORT, id=queue, task_queue=queue)


async def test_it_reports_every_outcome_and_then_the_run(live_temporal):
    application = Application()
    await _report(live_temporal, application)
    assert application.heard == ["apr_1", "apr_2", "run"]


async def test_it_goes_on_until_an_application_that_was_away_is_back(live_temporal):
    application = Application(failures=2)
    await _report(live_temporal, application)
    assert application.heard == ["apr_1", "apr_2", "run"]


async def test_a_report_that_is_refused_for_good_fails_the_workflow_but_stops_no_other(live_temporal):
    application = Application(refused="apr_1")
    with pytest.raises(WorkflowFailureError):
        await _report(live_temporal, application)
    assert application.heard == ["apr_2", "run"]
