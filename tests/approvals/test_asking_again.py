"""A request about a call that people were asked about before: it takes over, and both pages say so."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals import errors
from approvals.contracts import GateRequest, Outcome, OutcomeStatus, RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Decision
from approvals.requests import services
from approvals.requests.queries import QueueFilter, queue, request_page
from approvals.requests.superseding import ANOTHER_RUN
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind
from tests.approvals import factories
from tests.approvals.factories import Approver, Minted

pytestmark = pytest.mark.django_db
WHY = "The approval of local:ada expired before a worker was there, at 2026-11-26 14:20:03 UTC."


@pytest.fixture
def minted(ada: Approver) -> Minted:
    return factories.mint(ada)


@pytest.fixture
def asked(minted: Minted) -> GateRequest:
    """What the gate sent for the request before."""
    return factories.gate_request(minted)


@pytest.fixture
def before(asked: GateRequest) -> ApprovalRequest:
    return services.open(gate_request=asked)


def again(asked: GateRequest, **changes: Any) -> GateRequest:
    """Return the request by which the same run asks again."""
    facts = {"request_id": "apr_asked_again", "supersedes": asked.request_id, "why_again": WHY}
    return dataclasses.replace(asked, **{**facts, **changes})


def by_another_run(asked: GateRequest, **changes: Any) -> GateRequest:
    later = int(time.time() * 1000) + 1_000
    facts = {"request_id": "apr_of_another_run", "run_id": "another-run", "opened_at_ms": later}
    return dataclasses.replace(asked, **{**facts, **changes})


def stands(approval_request: ApprovalRequest) -> tuple[str, str]:
    row = ApprovalRequest.objects.get(pk=approval_request.pk)
    return row.state, row.outcome_detail


def details(kind: EntryKind) -> list[dict[str, Any]]:
    entries = LedgerEntry.objects.filter(kind=kind)
    return [statements.parse(bytes(entry.envelope)).facts["details"] for entry in entries]


# --- Taking over ----------------------------------------------------------------------------


@pytest.mark.parametrize("approved", [False, True])
def test_the_request_before_ends_as_superseded_in_nobodys_name(
    ada: Approver, asked: GateRequest, before: ApprovalRequest, approved: bool
) -> None:
    if approved:
        record(person=ada.person, request_id=before.pk, approval=ada.sign_approval(before))
    for _ in range(2):
        after = services.open(gate_request=again(asked))
    assert stands(before) == (RequestState.SUPERSEDED, WHY)
    assert ApprovalRequest.objects.get(pk=before.pk).superseded_by_id == after.pk
    assert details(EntryKind.APPROVAL_SUPERSEDED) == [{"request_id": before.pk, "by": after.pk, "reason": WHY}]


@pytest.mark.parametrize("status", [OutcomeStatus.EXPIRED, OutcomeStatus.WITHDRAWN])
def test_what_was_ended_meanwhile_stays_ended_and_leads_to_the_new_one(
    asked: GateRequest, before: ApprovalRequest, status: OutcomeStatus
) -> None:
    services.close(outcome=Outcome(before.pk, status, int(time.time() * 1000)))
    services.open(gate_request=again(asked))
    before.refresh_from_db()
    assert (before.state, before.superseded_by_id) == (status, "apr_asked_again")
    assert details(EntryKind.APPROVAL_SUPERSEDED) == []


def test_late_reports_of_the_workflow_change_nothing_unless_the_call_ran(
    asked: GateRequest, before: ApprovalRequest
) -> None:
    services.open(gate_request=again(asked))
    for status in ("withdrawn", "expired", "denied"):
        services.close(outcome=Outcome(before.pk, status, 1_790_000_000_000))
        services.withdraw(request_id=before.pk, reason="Swept.")
    assert stands(before) == (RequestState.SUPERSEDED, WHY)
    services.close(outcome=Outcome(before.pk, "executed", 1_790_000_000_000))
    assert stands(before)[0] == RequestState.EXECUTED


def test_nobody_can_decide_the_request_before(ada: Approver, asked: GateRequest, before: ApprovalRequest) -> None:
    services.open(gate_request=again(asked))
    with pytest.raises(errors.RequestClosed):
        record(person=ada.person, request_id=before.pk, approval=ada.sign_approval(before))


def test_the_run_after_a_reset_takes_over_what_the_run_before_left(asked: GateRequest, before: ApprovalRequest) -> None:
    also = services.open(gate_request=dataclasses.replace(asked, request_id="apr_also_waiting"))
    after = services.open(gate_request=by_another_run(asked))
    assert after.why_again == ANOTHER_RUN
    assert stands(before) == stands(also) == (RequestState.SUPERSEDED, ANOTHER_RUN)


def test_what_the_run_before_asks_late_ends_nothing_of_the_run_after(asked: GateRequest) -> None:
    after = services.open(gate_request=by_another_run(asked))
    late = services.open(gate_request=asked)
    assert stands(after)[0] == RequestState.OPEN
    assert late.why_again == ""


@pytest.mark.parametrize("field", ["namespace", "workflow_id", "arguments"])
def test_another_call_of_another_run_is_left_alone(
    minted: Minted, asked: GateRequest, before: ApprovalRequest, field: str
) -> None:
    other = {"service": "checkout", "environment": "production"} if field == "arguments" else None
    later = factories.gate_request(minted, arguments=other)
    changes = {} if field == "arguments" else {field: "another"}
    if field == "namespace":
        with pytest.raises(errors.WrongNamespace):
            services.open(gate_request=by_another_run(later, **changes))
    else:
        services.open(gate_request=by_another_run(later, **changes))
    assert stands(before)[0] == RequestState.OPEN


def test_two_calls_of_one_run_do_not_end_each_other(asked: GateRequest, before: ApprovalRequest) -> None:
    services.open(gate_request=dataclasses.replace(asked, request_id="apr_also_waiting"))
    assert stands(before)[0] == RequestState.OPEN


# --- Bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["unknown", "workflow_id", "arguments", "warrant"])
def test_a_request_takes_over_only_from_one_about_its_own_call(
    ada: Approver, minted: Minted, asked: GateRequest, before: ApprovalRequest, field: str
) -> None:
    changes: dict[str, Any] = {}
    of = asked
    if field == "unknown":
        changes = {"supersedes": "apr_of_nobody"}
    elif field == "workflow_id":
        changes = {"workflow_id": "another"}
    elif field == "arguments":
        of = factories.gate_request(minted, arguments={"service": "checkout", "environment": "production"})
    else:
        of = factories.gate_request(factories.mint(ada))
    with pytest.raises(errors.CannotSupersede) as refused:
        services.open(gate_request=again(of, **{"supersedes": before.pk, **changes}))
    assert (refused.value.field, refused.value.code) == ("supersedes", "cannot_supersede")
    assert stands(before)[0] == RequestState.OPEN
    assert ApprovalRequest.objects.count() == 1


@pytest.mark.parametrize("status", ["executed", "failed"])
def test_what_has_run_is_not_asked_about_as_if_it_had_not(
    ada: Approver, asked: GateRequest, before: ApprovalRequest, status: str
) -> None:
    record(person=ada.person, request_id=before.pk, approval=ada.sign_approval(before))
    services.close(outcome=Outcome(before.pk, status, 1_790_000_000_000))
    with pytest.raises(errors.CannotSupersede):
        services.open(gate_request=again(asked))


def test_a_denial_is_not_asked_away(ada: Approver, asked: GateRequest, before: ApprovalRequest) -> None:
    record(person=ada.person, request_id=before.pk, denial=ada.sign_denial(before))
    with pytest.raises(errors.CannotSupersede):
        services.open(gate_request=again(asked))
    assert stands(before)[0] == RequestState.DENIED


def test_only_one_request_takes_over_from_another(asked: GateRequest, before: ApprovalRequest) -> None:
    services.open(gate_request=again(asked))
    with pytest.raises(errors.CannotSupersede):
        services.open(gate_request=again(asked, request_id="apr_a_third_time"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"supersedes": ""}, "why_again"),
        ({"why_again": " "}, "why_again"),
        ({"why_again": None}, "why_again"),
        ({"supersedes": 7}, "supersedes"),
        ({"supersedes": "nul\x00nul-nul"}, "supersedes"),
        ({"supersedes": "x" * 10_000_000}, "supersedes"),
        ({"opened_at_ms": 2**70}, "opened_at_ms"),
        ({"opened_at_ms": -1}, "opened_at_ms"),
    ],
)
def test_asking_again_in_a_way_that_makes_no_sense_is_refused(
    asked: GateRequest, before: ApprovalRequest, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        services.open(gate_request=again(asked, **changes))
    assert refused.value.field == field
    assert stands(before)[0] == RequestState.OPEN


def test_a_hostile_reason_is_stored_within_bounds_and_shown_as_text(
    ada: Approver, client: Client, asked: GateRequest, before: ApprovalRequest
) -> None:
    after = services.open(gate_request=again(asked, why_again="<script>\x00\u202e" * 100_000))
    assert len(after.why_again) <= 600
    client.force_login(ada.person)
    for one in (after, before):
        page = client.get(reverse("approvals:request", args=[one.pk])).content.decode()
        assert "<script>\u2400" not in page
        assert "\u202e" not in page


def test_a_gate_cannot_report_a_request_as_superseded(before: ApprovalRequest) -> None:
    with pytest.raises(errors.MalformedInput) as refused:
        services.close(outcome=Outcome(before.pk, "superseded", 1_790_000_000_000))
    assert refused.value.field == "status"


def test_a_superseded_request_names_another_one(before: ApprovalRequest) -> None:
    row = ApprovalRequest.objects.filter(pk=before.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(state=RequestState.SUPERSEDED, urgency=None, closed_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(superseded_by=before.pk)


@pytest.mark.django_db(transaction=True)
def test_the_same_opening_tried_four_times_at_once_takes_over_once(asked: GateRequest, before: ApprovalRequest) -> None:
    def try_it(_: int) -> str:
        try:
            return services.open(gate_request=again(asked)).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(try_it, range(4))) == ["apr_asked_again"] * 4
    assert len(details(EntryKind.APPROVAL_SUPERSEDED)) == 1


# --- What people see ------------------------------------------------------------------------


def test_both_pages_and_the_card_say_that_it_is_asked_again(
    ada: Approver, client: Client, asked: GateRequest, before: ApprovalRequest
) -> None:
    record(person=ada.person, request_id=before.pk, approval=ada.sign_approval(before))
    gone = timezone.now() - timedelta(minutes=5)
    Decision.objects.update(decided_at=gone, expires_at=gone + timedelta(minutes=1))
    after = services.open(gate_request=again(asked))
    client.force_login(ada.person)
    new = client.get(reverse("approvals:request", args=[after.pk])).content.decode()
    assert "Asked again" in new
    assert "ada’s approval of" in new.lower()
    assert WHY in new
    assert reverse("approvals:request", args=[before.pk]) in new
    old = client.get(reverse("approvals:request", args=[before.pk])).content.decode()
    assert reverse("approvals:request", args=[after.pk]) in old
    assert "Asked again, not run" in old
    assert "Asked again" in client.get(reverse("approvals:queue")).content.decode()
    shown = queue(person=ada.person, show=QueueFilter.ALL)
    assert {card.id: card.asked_again for card in shown.cards} == {before.pk: False, after.pk: True}


def test_a_first_request_says_nothing_of_the_kind(ada: Approver, client: Client, before: ApprovalRequest) -> None:
    client.force_login(ada.person)
    for url in (reverse("approvals:request", args=[before.pk]), reverse("approvals:queue")):
        assert "Asked again" not in client.get(url).content.decode()


def test_an_approval_that_ran_out_while_others_had_not_signed_is_said_and_not_counted(
    ada: Approver, grace: Approver, client: Client
) -> None:
    waiting = factories.open_request(ada, grace, min_approvals=2)
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    client.force_login(ada.person)
    url = reverse("approvals:request", args=[waiting.pk])
    assert "no longer counts" not in client.get(url).content.decode()
    assert queue(person=ada.person, show=QueueFilter.ALL).cards[0].approvals_given == 1

    Decision.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = request_page(person=ada.person, request_id=waiting.pk)
    assert [approval.person for approval in page.lapsed] == [ada.person.display_name]
    assert (page.card.approvals_given, page.decisions, page.may_decide) == (0, [], True)
    assert queue(person=ada.person, show=QueueFilter.ALL).cards[0].approvals_given == 0
    assert "no longer counts" in client.get(url).content.decode()

    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    page = request_page(person=ada.person, request_id=waiting.pk)
    assert (page.card.approvals_given, page.lapsed) == (1, [])
