"""The outbox: a decision leaves until its workflow has it, or is no more."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.contracts import Outcome, RequestState
from approvals.decisions.services import record
from approvals.delivery import services
from approvals.delivery.queries import backlog
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.requests import services as requests
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(ada: Approver, waiting: ApprovalRequest) -> ApprovalRequest:
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    return waiting


def test_a_job_carries_the_address_and_the_signatures(approved: ApprovalRequest) -> None:
    (job,) = services.claim(limit=10, lease_seconds=30)
    assert (job.namespace, job.workflow_id, job.run_id) == (
        approved.namespace,
        approved.workflow_id,
        approved.run_id,
    )
    signed = bytes(Decision.objects.get().signed)
    assert job.decision.request_id == approved.pk
    assert [base64.b64decode(item) for item in job.decision.approvals] == [signed]
    assert job.decision.denials == []


def test_a_job_carries_every_approval_of_two_people(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    for who in (ada, grace):
        record(person=who.person, request_id=asked.pk, approval=who.sign_approval(asked))
    (job,) = services.claim(limit=10, lease_seconds=30)
    assert len(job.decision.approvals) == 2


def test_a_denial_travels_as_a_denial(ada: Approver, waiting: ApprovalRequest) -> None:
    signed = ada.sign_denial(waiting)
    record(person=ada.person, request_id=waiting.pk, denial=signed)
    (job,) = services.claim(limit=10, lease_seconds=30)
    assert (job.decision.approvals, [base64.b64decode(item) for item in job.decision.denials]) == ([], [signed])


def test_a_leased_job_is_nobody_elses_until_the_lease_is_over(approved: ApprovalRequest) -> None:
    assert services.claim(limit=10, lease_seconds=30)
    assert services.claim(limit=10, lease_seconds=30) == []
    Delivery.objects.update(due_at=timezone.now())
    assert services.claim(limit=10, lease_seconds=30)


def test_a_sent_job_is_done(approved: ApprovalRequest) -> None:
    (job,) = services.claim(limit=10, lease_seconds=0)
    for _ in range(2):
        services.mark_sent(job_id=job.id)
    assert services.claim(limit=10, lease_seconds=30) == []
    assert backlog().waiting == 0


def test_a_failed_job_comes_back_later_and_never_gives_up(approved: ApprovalRequest) -> None:
    for attempt in range(1, 40):
        Delivery.objects.update(due_at=timezone.now())
        (job,) = services.claim(limit=10, lease_seconds=30)
        services.mark_failed(job_id=job.id, error="The server is away.\x00", gone=False)
        delivery = Delivery.objects.get()
        pause = (delivery.due_at - timezone.now()).total_seconds()
        assert 0 < pause <= services.LONGEST_PAUSE_SECONDS
        assert delivery.attempts == attempt
    assert pause >= services.LONGEST_PAUSE_SECONDS / 2 - 1


def test_a_workflow_that_is_gone_ends_the_job_and_the_request(approved: ApprovalRequest) -> None:
    (job,) = services.claim(limit=10, lease_seconds=0)
    for _ in range(2):
        services.mark_failed(job_id=job.id, error="not found", gone=True)
    assert ApprovalRequest.objects.get(pk=approved.pk).state == RequestState.WITHDRAWN
    assert services.claim(limit=10, lease_seconds=0) == []
    assert LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_WITHDRAWN).count() == 1


def test_what_the_workflow_heard_was_delivered_though_it_is_gone_now(approved: ApprovalRequest) -> None:
    """A relay was killed after its signal; the workflow ran the call and ended before the next relay's."""
    services.claim(limit=10, lease_seconds=0)
    (job,) = services.claim(limit=10, lease_seconds=0)
    services.mark_failed(job_id=job.id, error="not found", gone=True)
    assert ApprovalRequest.objects.get(pk=approved.pk).state == RequestState.APPROVED, "its report may be on its way"
    requests.close(outcome=Outcome(approved.pk, "executed", 1_790_000_000_000))
    services.mark_failed(job_id=job.id, error="not found", gone=True)
    delivery = Delivery.objects.get()
    assert (delivery.sent_at is not None, delivery.gone_at) == (True, None)
    assert not LedgerEntry.objects.filter(kind=EntryKind.APPROVAL_WITHDRAWN).exists()


def test_a_workflow_that_reports_nothing_and_stays_gone_is_gone(approved: ApprovalRequest) -> None:
    for attempt in range(1, 7):
        Delivery.objects.update(due_at=timezone.now())
        (job,) = services.claim(limit=10, lease_seconds=0)
        services.mark_failed(job_id=job.id, error="away, then not found", gone=attempt > 1)
    assert ApprovalRequest.objects.get(pk=approved.pk).state == RequestState.WITHDRAWN


def test_a_job_that_was_sent_cannot_fail_any_more(approved: ApprovalRequest) -> None:
    (job,) = services.claim(limit=10, lease_seconds=0)
    services.mark_sent(job_id=job.id)
    services.mark_failed(job_id=job.id, error="late", gone=True)
    assert ApprovalRequest.objects.get(pk=approved.pk).state == RequestState.APPROVED


def test_a_denied_request_stays_denied_when_its_workflow_is_gone(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    (job,) = services.claim(limit=10, lease_seconds=0)
    services.mark_failed(job_id=job.id, error="not found", gone=True)
    assert ApprovalRequest.objects.get(pk=waiting.pk).state == RequestState.DENIED


def test_the_oldest_jobs_go_first(ada: Approver) -> None:
    asked = [factories.open_request(ada) for _ in range(3)]
    for approval_request in asked:
        record(person=ada.person, request_id=approval_request.pk, approval=ada.sign_approval(approval_request))
    jobs = services.claim(limit=2, lease_seconds=30)
    assert [job.decision.request_id for job in jobs] == [asked[0].pk, asked[1].pk]
    assert [job.decision.request_id for job in services.claim(limit=2, lease_seconds=30)] == [asked[2].pk]


def test_the_backlog_says_how_old_the_oldest_is(approved: ApprovalRequest) -> None:
    Delivery.objects.update(created_at=timezone.now() - timedelta(seconds=90))
    found = backlog()
    assert found.waiting == 1
    assert 89 < found.oldest_seconds < 100


def test_an_empty_outbox_has_no_backlog(db: None) -> None:
    assert (backlog().waiting, backlog().oldest_seconds) == (0, 0.0)
    assert backlog().sentence == "No decision waits for Temporal."
