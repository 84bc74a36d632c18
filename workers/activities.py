"""What a gate asks of the application, as activities on the approvals task queue.

They call services only. A domain error is final and carries its code as its type and its field as its detail; anything
else (a database that is away) is tried again by Temporal for as long as the caller said.

Whatever a message says of a namespace must be the one that its task came from, which the Temporal server says and no
workflow can choose: an agent in staging asks nothing in production's name, and reads and reports nothing of its
requests.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from approvals.contracts import (
    APPROVALS_TASK_QUEUE,
    FETCH_DECISION_ACTIVITY,
    OPEN_REQUEST_ACTIVITY,
    RECORD_RECEIPTS_ACTIVITY,
    REPORT_OUTCOME_ACTIVITY,
    REPORT_RUN_ACTIVITY,
    REPORT_TOOLS_ACTIVITY,
    Decision,
    GateRequest,
    Outcome,
    ReceiptRecord,
    RunReport,
    ToolReport,
)
from approvals.delivery.services import decision_of
from approvals.errors import ApprovalError, ClaimedNamespace
from approvals.requests import services as requests
from workers.answers.contracts import DESCRIBE_ACTIVITY, Question, RunAddress
from workers.catalogue import record_tools
from workers.closing_report import ClosingReportWorkflow
from workers.database import with_database
from workers.nexus.describing import describe_decision as describe
from workers.polling import Polling
from workers.recording import MalformedRecord, record_each, record_gate
from workers.sweep import SweepWorkflow
from workers.sweeping import Sweeper
from workers.tool_report import ToolReportWorkflow

Message = TypeVar("Message")
Answer = TypeVar("Answer")


def _edge(function: Callable[[Message], Answer]) -> Callable[[Message], Answer]:
    """Return ``function`` with domain errors turned into Temporal's, and the database looked after."""

    @functools.wraps(function)
    def call(message: Message) -> Answer:
        try:
            return with_database(function)(message)
        except ApprovalError as error:
            raise ApplicationError(str(error), error.field, type=error.code, non_retryable=True) from error
        except MalformedRecord as error:
            raise ApplicationError(str(error), type="malformed_record", non_retryable=True) from error

    return call


def _activity(name: str) -> Callable[[Callable[[Message], Answer]], Callable[[Message], Answer]]:
    """Make an activity of a function that is never interrupted.

    Temporal's way to cancel a thread is to raise in it, wherever it is: between BEGIN and COMMIT, that leaves the
    database locked for everybody else. Each of these takes milliseconds, and finishes.
    """
    return activity.defn(name=name, no_thread_cancel_exception=True)


@_activity(OPEN_REQUEST_ACTIVITY)
@_edge
def open_request(request: GateRequest) -> None:
    """Open an approval request, after the receipt for stopping its call. Opening the same one again is harmless."""
    _require_here(request.namespace)
    if request.gate_receipt is not None:
        _require_here(request.gate_receipt.namespace)
        record_gate(request.gate_receipt)
    requests.open(gate_request=request)


@_activity(FETCH_DECISION_ACTIVITY)
@_edge
def fetch_decision(request_id: str) -> Decision:
    """Return what people decided about a request, for a workflow that was not told."""
    return decision_of(request_id, namespace=_here())


@_activity(REPORT_OUTCOME_ACTIVITY)
@_edge
def report_outcome(outcome: Outcome) -> None:
    """Close a request with what came of its call."""
    requests.close(outcome=outcome, namespace=_here())


@_activity(REPORT_RUN_ACTIVITY)
@_edge
def report_run(report: RunReport) -> None:
    """Record the end of a run."""
    _require_here(report.namespace)
    requests.record_run(report=report)


@_activity(RECORD_RECEIPTS_ACTIVITY)
@_edge
def record_receipts(records: list[ReceiptRecord]) -> None:
    """Write the receipts of a worker that has no database of its own; one that is refused keeps back no others."""
    for record in records:
        _require_here(record.namespace)
    record_each(records)


@_activity(DESCRIBE_ACTIVITY)
@_edge
def describe_decision(run: RunAddress) -> Question | None:
    """Return what a run asked people and what they signed, for a workflow behind a Nexus operation."""
    _require_here(run.namespace)
    return describe(run)


@_activity(REPORT_TOOLS_ACTIVITY)
@_edge
def report_tools(report: ToolReport) -> None:
    """Take down which tools a worker has that has no database of its own."""
    record_tools(_here(), report)


def _here() -> str:
    return activity.info().namespace


def _require_here(namespace: str) -> None:
    if namespace != _here():
        raise ClaimedNamespace


ACTIVITIES: list[Callable[..., object]] = [
    open_request,
    fetch_decision,
    report_outcome,
    report_run,
    record_receipts,
    describe_decision,
    report_tools,
]


def build_approvals_worker(
    client: Client,
    *,
    threads: int,
    executor: ThreadPoolExecutor | None = None,
    graceful: timedelta = timedelta(seconds=5),
    polling: Polling | None = None,
    sweeps: bool = True,
) -> Worker:
    """Return the worker of the approvals task queue; ``threads`` at most use the database at once.

    Workers of several namespaces share ``executor``, and one of them ``sweeps`` the requests of all.
    """
    return Worker(
        client,
        task_queue=APPROVALS_TASK_QUEUE,
        workflows=[ClosingReportWorkflow, ToolReportWorkflow, *([SweepWorkflow] if sweeps else [])],
        activities=[*ACTIVITIES, *([Sweeper(client).sweep] if sweeps else [])],
        activity_executor=executor or ThreadPoolExecutor(threads, thread_name_prefix="approvals"),
        max_concurrent_activities=threads,
        graceful_shutdown_timeout=graceful,
        **(polling or {}),
    )
