"""The edge between Temporal and the services: which errors are final, and what is tried again."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from temporalio.exceptions import ApplicationError

from approvals.contracts import Outcome, OutcomeStatus, RunReport
from approvals.errors import NobodyCanApprove
from approvals.requests import services
from audit.models import LedgerEntry
from tests.workers.records import CHAIN, mint, record
from workers import activities


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
        activities.open_request(None)
    assert raised.value.type == "nobody_can_approve"


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
