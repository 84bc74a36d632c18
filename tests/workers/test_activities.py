"""The edge between Temporal and the services: which errors are final, and what is tried again."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import OperationalError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from approvals.contracts import (
    CLOSING_REPORT_WORKFLOW,
    ClosingReport,
    Decision,
    GateRequest,
    Outcome,
    OutcomeStatus,
    ReceiptRecord,
    RequestState,
    RunReport,
)
from approvals.decisions.services import record as decide
from approvals.errors import NobodyCanApprove
from approvals.models import ApprovalRequest, ClosedRun
from approvals.requests import services
from audit.models import LedgerChain, LedgerEntry
from tests.approvals import factories
from tests.workers.records import CHAIN, mint, record
from workers import activities


def in_activity(function: Callable[[Any], Any], message: object, *, namespace: str = "default") -> Any:
    """Run an activity as a task of ``namespace``, which is the server's word."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, namespace=namespace, workflow_namespace=namespace)
    return environment.run(function, message)


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
        in_activity(activities.report_outcome, Outcome("apr_unknown", OutcomeStatus.EXECUTED, 1))
    assert raised.value.non_retryable
    assert raised.value.type == "unknown_request"


def test_the_sentence_for_people_travels_with_the_code(monkeypatch):
    def refuse(**_: object) -> None:
        raise NobodyCanApprove("No usable key is among the approvers.")

    monkeypatch.setattr(services, "open", refuse)
    with pytest.raises(ApplicationError, match="No usable key") as raised:
        in_activity(activities.open_request, _stopped(None))
    assert raised.value.type == "nobody_can_approve"


@pytest.mark.django_db(transaction=True)
def test_the_receipt_for_stopping_a_call_is_on_file_before_its_request(monkeypatch):
    mint()
    seen = []
    monkeypatch.setattr(services, "open", lambda **_: seen.append(LedgerEntry.objects.filter(chain=CHAIN).count()))
    in_activity(activities.open_request, _stopped(record(1)))
    in_activity(activities.record_receipts, [record(1)])  # its worker's own delivery, which came later
    in_activity(activities.open_request, _stopped(record(1)))
    assert seen == [2, 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changes", [{"receipt": "no hexadecimal"}, {"worker": "somebody else\n"}, {"tool": "another"}])
def test_people_are_asked_even_if_the_receipt_is_not_genuine(changes, monkeypatch, caplog):
    mint()
    opened = []
    monkeypatch.setattr(services, "open", lambda **_: opened.append(True))
    in_activity(activities.open_request, _stopped(record(1, **changes)))
    assert opened == [True]
    assert "its receipt cannot be kept" in caplog.text
    assert LedgerEntry.objects.filter(chain=CHAIN).count() == 1


def test_a_database_that_is_away_is_tried_again(monkeypatch):
    def away(**_: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(services, "record_run", away)
    with pytest.raises(OperationalError):
        in_activity(activities.report_run, RunReport("chain", "default", "workflow", "run", "completed", 1))


@pytest.mark.django_db(transaction=True)
def test_receipts_of_a_worker_elsewhere_reach_the_ledger_once():
    mint()
    in_activity(activities.record_receipts, [record(1), record(2)])
    in_activity(activities.record_receipts, [record(2), record(3)])
    assert LedgerEntry.objects.filter(chain=CHAIN).count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_malformed_receipt_is_refused_for_good():
    mint()
    with pytest.raises(ApplicationError) as raised:
        in_activity(activities.record_receipts, [record(1, receipt="no hexadecimal")])
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


@pytest.mark.django_db(transaction=True)
def test_a_workflow_of_staging_does_nothing_in_productions_name():
    """Whoever runs a worker in staging sends what they like: the server says where it came from."""
    ada = factories.approver("ada")
    minted = factories.mint(ada, min_approvals=1)
    asked = factories.gate_request(minted, namespace="prd")
    in_activity(activities.open_request, asked, namespace="prd")
    chain = LedgerChain.objects.get(name=minted.leaf.id)
    row = ApprovalRequest.objects.get()
    entries = LedgerEntry.objects.count()
    attacks = {
        activities.open_request: dataclasses.replace(asked, request_id="req_from_staging"),
        activities.report_outcome: Outcome(row.pk, OutcomeStatus.EXECUTED, 1),
        activities.report_run: RunReport(chain.name, "prd", row.workflow_id, row.run_id, "completed", 1),
        activities.record_receipts: [dataclasses.replace(record(1), namespace="prd")],
    }
    for function, message in attacks.items():
        with pytest.raises(ApplicationError) as refused:
            in_activity(function, message, namespace="stg")
        assert refused.value.non_retryable
        assert refused.value.type in ("claimed_namespace", "unknown_request"), function
    # Its own namespace, and an incident of another.
    moved = RunReport(chain.name, "stg", row.workflow_id, row.run_id, "completed", 1)
    with pytest.raises(ApplicationError) as refused:
        in_activity(activities.report_run, moved, namespace="stg")
    assert refused.value.type == "wrong_namespace"
    row.refresh_from_db()
    assert (row.state, ApprovalRequest.objects.count(), ClosedRun.objects.count()) == (RequestState.OPEN, 1, 0)
    assert LedgerEntry.objects.count() == entries


@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_names_another_namespace_opens_nothing():
    ada = factories.approver("ada")
    asked = factories.gate_request(factories.mint(ada, min_approvals=1), namespace="stg")
    foreign = dataclasses.replace(asked, gate_receipt=record(1, namespace="prd"))
    with pytest.raises(ApplicationError) as refused:
        in_activity(activities.open_request, foreign, namespace="stg")
    assert refused.value.type == "claimed_namespace"
    assert not ApprovalRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_workflow_of_staging_is_not_told_what_production_decided():
    ada = factories.approver("ada")
    asked = factories.open_request(ada, namespace="prd")
    decide(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))
    assert in_activity(activities.fetch_decision, asked.pk, namespace="stg") == Decision(asked.pk)
    assert in_activity(activities.fetch_decision, asked.pk, namespace="prd").approvals
