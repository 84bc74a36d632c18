"""The edge between Temporal and the services: which errors are final, and what is tried again."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from threading import Event

import pytest
from django.db import OperationalError
from temporalio.exceptions import ApplicationError

from approvals.contracts import (
    CLOSING_REPORT_WORKFLOW,
    ClosingReport,
    GateRequest,
    Outcome,
    OutcomeStatus,
    ReceiptRecord,
    RunReport,
)
from approvals.errors import NobodyCanApprove
from approvals.requests import services
from audit.models import LedgerEntry
from tests.workers.records import CHAIN, mint, record
from workers import activities


def _stopped(receipt: ReceiptRecord | None) -> GateRequest:
    return GateRequest(
        request_id="apr_1",
        namespace="default",
        workflow_id="workflow",
        run_id="run",
        workflow_type="Incident",
        tool="restart_service",
        arguments_cbor="",
        request_hash="",
        warrant_chain=[],
        gate_message="",
        reasoning="",
        opened_at_ms=1,
        expires_at=2,
        display_digest="",
        policy_version="",
        gate_receipt=receipt,
    )


@pytest.mark.django_db(transaction=True)
def test_a_domain_error_is_final_and_keeps_its_code():
    with pytest.raises(ApplicationError) as raised:
        activities.report_outcome(Outcome("apr_unknown", OutcomeStatus.EXECUTED, 1))
    assert raised.value.non_retryable
    assert raised.value.type == "unknown_request"


def test_the_sentence_for_people_travels_with_the_code(monkeypatch):
    def refuse(**_: object) -> None:
        raise NobodyCanApprove("No usable key is among the approvers.")

    monkeypatch.setattr(services, "open", refuse)
    with pytest.raises(ApplicationError, match="No usable key") as raised:
        activities.open_request(_stopped(None))
    assert raised.value.type == "nobody_can_approve"


@pytest.mark.django_db(transaction=True)
def test_the_receipt_for_stopping_a_call_is_on_file_before_its_request(monkeypatch):
    mint()
    seen = []
    monkeypatch.setattr(services, "open", lambda **_: seen.append(LedgerEntry.objects.filter(chain=CHAIN).count()))
    activities.open_request(_stopped(record(1)))
    activities.record_receipts([record(1)])  # its worker's own delivery, which came later
    activities.open_request(_stopped(record(1)))
    assert seen == [2, 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changes", [{"receipt": "no hexadecimal"}, {"worker": "somebody else\n"}, {"tool": "another"}])
def test_people_are_asked_even_if_the_receipt_is_not_genuine(changes, monkeypatch, caplog):
    mint()
    opened = []
    monkeypatch.setattr(services, "open", lambda **_: opened.append(True))
    activities.open_request(_stopped(record(1, **changes)))
    assert opened == [True]
    assert "its receipt cannot be kept" in caplog.text
    assert LedgerEntry.objects.filter(chain=CHAIN).count() == 1


def test_a_database_that_is_away_is_tried_again(monkeypatch):
    def away(**_: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(services, "record_run", away)
    with pytest.raises(OperationalError):
        activities.report_run(RunReport("chain", "default", "workflow", "run", "completed", 1))


@pytest.mark.django_db(transaction=True)
def test_receipts_of_a_worker_elsewhere_reach_the_ledger_once():
    mint()
    activities.record_receipts([record(1), record(2)])
    activities.record_receipts([record(2), record(3)])
    assert LedgerEntry.objects.filter(chain=CHAIN).count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_malformed_receipt_is_refused_for_good():
    mint()
    with pytest.raises(ApplicationError) as raised:
        activities.record_receipts([record(1, receipt="no hexadecimal")])
    assert raised.value.non_retryable
    assert raised.value.type == "malformed_record"


@pytest.mark.temporal
@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_stops_lets_an_activity_finish_its_transaction(live_temporal, monkeypatch):
    queue, began, stopping, ended = f"approvals-{uuid.uuid4().hex[:8]}", Event(), Event(), []

    def slow(**_: object) -> None:
        began.set()
        stopping.wait(30)
        # What Temporal raises in a thread comes between two of its instructions.
        for _ in range(100_000):
            pass
        ended.append(True)

    monkeypatch.setattr(services, "close", slow)
    monkeypatch.setattr(activities, "APPROVALS_TASK_QUEUE", queue)
    worker = activities.build_approvals_worker(live_temporal.client, threads=1, graceful=timedelta(0))
    running = asyncio.create_task(worker.run())
    await live_temporal.client.start_workflow(
        CLOSING_REPORT_WORKFLOW,
        ClosingReport(outcomes=[Outcome("apr_unknown", OutcomeStatus.EXECUTED, 1)]),
        id=f"closing-{uuid.uuid4().hex}",
        task_queue=queue,
    )
    assert await asyncio.to_thread(began.wait, 30)
    stop = asyncio.create_task(worker.shutdown())
    await asyncio.sleep(0.5)  # for the cancellation, which nothing announces
    stopping.set()
    await asyncio.gather(stop, running)
    assert ended == [True]
