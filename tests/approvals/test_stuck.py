"""What does not move is seen: since when, and because of what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles.contracts import Role
from approvals.cli.page import _step
from approvals.contracts import Outcome
from approvals.decisions.services import record
from approvals.delivery import queries as outbox
from approvals.delivery import services as delivery
from approvals.models import ApprovalRequest, Delivery
from approvals.requests import queries, representation, services, steps
from approvals.requests.steps import DELIVERED_WITHIN, EXECUTED_WITHIN, VERIFIED_WITHIN, Step
from tests.approvals import factories
from tests.approvals.factories import Approver

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def approved(ada: Approver, waiting: ApprovalRequest) -> ApprovalRequest:
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    return waiting


def page_of(ada: Approver, approval_request: ApprovalRequest) -> queries.RequestPage:
    return queries.request_page(person=ada.person, request_id=approval_request.pk)


def step_of(ada: Approver, approval_request: ApprovalRequest, name: str) -> Step:
    return next(step for step in page_of(ada, approval_request).steps if step.name == name)


def aged(**ages: timedelta) -> None:
    Delivery.objects.update(**{name: timezone.now() - age for name, age in ages.items()})


def sent() -> None:
    (job,) = delivery.claim(limit=1, lease_seconds=0)
    delivery.mark_sent(job_id=job.id)


# --- The steps ------------------------------------------------------------------------------


def test_a_decision_that_no_relay_takes_is_stuck(ada: Approver, approved: ApprovalRequest) -> None:
    aged(created_at=DELIVERED_WITHIN - SECOND)
    fresh = step_of(ada, approved, "delivered")
    assert (fresh.state, fresh.detail) == ("waiting", "")
    aged(created_at=DELIVERED_WITHIN + SECOND)
    stuck = step_of(ada, approved, "delivered")
    assert (stuck.state, stuck.since) == ("stuck", Delivery.objects.get().created_at)
    assert stuck.detail.startswith("Because no relay takes it")
    assert [step.state for step in page_of(ada, approved).steps] == ["done", "stuck", "waiting", "waiting"]


def test_a_denial_that_is_not_delivered_is_stuck_too(ada: Approver, waiting: ApprovalRequest) -> None:
    record(person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting))
    aged(created_at=DELIVERED_WITHIN + SECOND)
    assert [step.state for step in page_of(ada, waiting).steps] == ["done", "stuck", "none", "none"]


@pytest.mark.parametrize(
    ("lease", "said"), [(30, "has not said since"), (0, "has ended and no other takes it")], ids=["holds it", "ended"]
)
def test_a_relay_that_took_it_and_says_nothing_is_named(
    ada: Approver, approved: ApprovalRequest, lease: int, said: str
) -> None:
    delivery.claim(limit=1, lease_seconds=lease)
    aged(created_at=DELIVERED_WITHIN + SECOND)
    assert said in step_of(ada, approved, "delivered").detail


def test_what_temporal_answered_is_the_reason(ada: Approver, approved: ApprovalRequest) -> None:
    (job,) = delivery.claim(limit=1, lease_seconds=0)
    delivery.mark_failed(job_id=job.id, error="connection refused", gone=False)
    assert step_of(ada, approved, "delivered").state == "waiting"
    aged(created_at=DELIVERED_WITHIN + SECOND)
    assert "Temporal does not take it, tried once: connection refused" in step_of(ada, approved, "delivered").detail
    aged(due_at=SECOND)
    sent()
    assert step_of(ada, approved, "delivered").state == "done"


def test_a_delivered_decision_that_no_worker_takes_up_is_stuck(ada: Approver, approved: ApprovalRequest) -> None:
    sent()
    assert step_of(ada, approved, "verified").state == "waiting"
    aged(sent_at=VERIFIED_WITHIN + SECOND)
    stuck = step_of(ada, approved, "verified")
    assert (stuck.state, stuck.since) == ("stuck", Delivery.objects.get().sent_at)
    assert "worker" in stuck.detail


def test_a_verified_call_that_does_not_report_is_stuck_until_it_does(ada: Approver, approved: ApprovalRequest) -> None:
    sent()
    long_ago = timezone.now() - EXECUTED_WITHIN - SECOND
    at_ms = int(long_ago.timestamp() * 1000)
    services.mark_verified(request_id=approved.pk, request_hash=bytes(approved.request_hash), at_ms=at_ms)
    assert [step.state for step in page_of(ada, approved).steps] == ["done", "done", "done", "stuck"]
    services.close(outcome=Outcome(approved.pk, "executed", at_ms + 1))
    assert [step.state for step in page_of(ada, approved).steps] == ["done"] * 4


@pytest.mark.parametrize("status", ["expired", "withdrawn"])
def test_what_has_ended_is_not_stuck(ada: Approver, approved: ApprovalRequest, status: str) -> None:
    sent()
    aged(sent_at=VERIFIED_WITHIN + SECOND)
    services.close(outcome=Outcome(approved.pk, status, int(timezone.now().timestamp() * 1000)))
    assert not page_of(ada, approved).is_stuck


# --- The page turns by itself ---------------------------------------------------------------


def test_the_page_says_when_it_must_be_looked_at_again(client: Client, ada: Approver, waiting: ApprovalRequest) -> None:
    client.force_login(ada.person)
    url = f"{page_of(ada, waiting).card.url}progress/"
    assert b"data-turns-in" not in client.get(url).content, "people take their time"
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    assert page_of(ada, waiting).turns_in == DELIVERED_WITHIN.seconds
    aged(created_at=DELIVERED_WITHIN + SECOND)
    shown = client.get(url).content.decode()
    assert "stuck since" in shown
    assert f'data-turns-in="{steps.LOOK_AGAIN.seconds}"' in shown


def test_programs_and_the_command_line_see_it_too(ada: Approver, approved: ApprovalRequest) -> None:
    aged(created_at=DELIVERED_WITHIN + SECOND)
    shown = representation.request(page_of(ada, approved))["steps"][1]
    assert (shown["name"], shown["state"]) == ("delivered", "stuck")
    line = _step({**shown, "since": shown["since"].isoformat()})
    assert "stuck since 20" in line
    assert "no relay takes it" in line


# --- The backlog ----------------------------------------------------------------------------


@pytest.fixture
def three_wait(ada: Approver) -> None:
    for _ in range(3):
        asked = factories.open_request(ada)
        record(person=ada.person, request_id=asked.pk, approval=ada.sign_approval(asked))


@pytest.fixture
def notice(client: Client, ada: Approver) -> Callable[[], str]:
    client.force_login(ada.person)
    return lambda: client.get("/approvals/backlog/").content.decode()


def test_the_queue_says_what_waits_for_longer_than_a_few_seconds(three_wait: None, notice: Callable[[], str]) -> None:
    assert 'data-waiting="0"' in notice()
    assert "wait for Temporal" not in notice()
    aged(created_at=timedelta(minutes=2, seconds=1))
    assert "3 decisions wait for Temporal, the oldest for 2 min, because no relay takes it" in notice()


def test_what_temporal_answered_cannot_pretend_to_be_part_of_the_page(
    three_wait: None, notice: Callable[[], str]
) -> None:
    Delivery.objects.update(last_error="<b>\u202e gnorw", attempts=2)
    aged(created_at=timedelta(minutes=2))
    assert "&lt;b&gt;⟨U+202E⟩ gnorw" in notice()


def test_who_sees_other_namespaces_hears_of_no_backlog_here(three_wait: None, client: Client) -> None:
    aged(created_at=timedelta(minutes=2))
    client.force_login(factories.person("vera", role=Role.VIEWER, namespace="elsewhere"))
    assert 'data-waiting="0"' in client.get("/approvals/backlog/").content.decode()


def test_looking_for_a_backlog_is_one_query_of_the_outbox_index(three_wait: None) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert outbox.backlog().waiting == 3
    assert len(asked) == 1
    if connection.vendor == "sqlite":
        plan = Delivery.objects.filter(outbox.UNDELIVERED, due_at__gt=timezone.now()).explain()
        assert "delivery_outbox" in plan


@pytest.mark.parametrize(("seconds", "words"), [(7, "7 s"), (61, "1 min"), (7300, "2 h"), (3 * 86_400, "3 d")])
def test_an_age_is_said_in_its_largest_unit(seconds: int, words: str) -> None:
    sentence = outbox.Backlog(1, seconds, "no relay takes it").sentence
    assert sentence == f"1 decision waits for Temporal, the oldest for {words}, because no relay takes it."


def test_the_outbox_command_says_which_and_why(three_wait: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("outbox")
    assert capsys.readouterr().out.startswith("3 decisions wait for Temporal")
    aged(created_at=timedelta(minutes=2))
    with pytest.raises(SystemExit, match="1"):
        call_command("outbox")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert "120 s, because no relay takes it" in said[1]


def test_an_empty_outbox_is_nothing_to_worry_about(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("outbox")
    assert capsys.readouterr().out == "No decision waits for Temporal.\n"
