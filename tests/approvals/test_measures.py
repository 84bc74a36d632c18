"""How requests end and how people decide: the numbers, and who sees whose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import reach
from approvals.contracts import RequestState
from approvals.decisions.services import record
from approvals.measures import queries
from approvals.measures.chart import HEIGHT, chart
from approvals.measures.contracts import Day, Measures, Requests, Signed, habits_of, in_words
from approvals.models import ApprovalRequest, Decision, Opening
from approvals.requests import services as requests
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.people import hold

pytestmark = pytest.mark.django_db


def measured(person: Person, days: int = 7) -> Measures:
    return queries.measures(person=person, days=days, within=reach(person, Role.VIEWER))


def decided(who: Approver, *, after: float | None, approves: bool = True, namespace: str = "default") -> Decision:
    """Let ``who`` decide a request ``after`` so many seconds; None: it is not known when they opened it."""
    asked = factories.open_request(who, namespace=namespace)
    signed = {"approval": who.sign_approval(asked)} if approves else {"denial": who.sign_denial(asked)}
    made = record(person=who.person, request_id=asked.pk, **signed)
    if after is not None:
        at = made.decided_at - timedelta(seconds=after)
        Opening.objects.create(approval_request=asked, person=who.person, opened_at=at)
    return made


def page(person: Person, query: str = "") -> str:
    client = Client()
    client.force_login(person)
    answer = client.get(f"/measures/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_numbers(ada: Approver, grace: Approver) -> None:
    for after in (1.0, 2.9, 3.0, 60.0):
        decided(ada, after=after)
    decided(ada, after=10.0, approves=False)
    decided(grace, after=None)
    late, withdrawn, _ = (factories.open_request(ada) for _ in range(3))
    ApprovalRequest.objects.filter(pk=late.pk).update(
        opened_at=timezone.now() - timedelta(minutes=2), expires_at=timezone.now() - timedelta(seconds=1)
    )
    requests.withdraw(request_id=withdrawn.pk, reason="done")
    found = measured(ada.person)
    assert found.requests == Requests(total=9, approved=5, denied=1, expired=1)
    assert (found.requests.approval_percent, found.requests.expired_percent, found.requests.rest) == (83, 11, 2)
    habits = found.habits
    assert (habits.decisions, habits.approvals, habits.timed, habits.timed_approvals) == (6, 5, 5, 4)
    assert (habits.median_seconds, habits.hasty, habits.hasty_percent) == (3.0, 2, 50)
    assert found.by_day[-1].date == datetime.now(UTC).date()


def test_only_the_span_counts(ada: Approver) -> None:
    old = decided(ada, after=1.0)
    past = timezone.now() - timedelta(days=10)
    Decision.objects.filter(pk=old.pk).update(decided_at=past)
    ApprovalRequest.objects.update(opened_at=past)
    assert (measured(ada.person).requests.total, measured(ada.person).habits.decisions) == (0, 0)
    month = measured(ada.person, 30)
    assert (month.requests.total, month.habits.decisions, len(month.by_day)) == (1, 1, 30)
    assert [day.requests.total for day in month.by_day].index(1) == 19


def test_a_page_that_was_opened_after_the_decision_says_nothing_of_its_time(ada: Approver) -> None:
    decided(ada, after=-5.0)
    assert (measured(ada.person).habits.timed, measured(ada.person).habits.median_seconds) == (0, None)


def test_people_are_for_auditors_and_administrators_of_their_namespaces(ada: Approver, grace: Approver) -> None:
    decided(ada, after=5.0)
    decided(grace, after=7.0)
    decided(grace, after=9.0, namespace="billing")

    def names(person: Person) -> list[tuple[str, bool, int]]:
        return [(one.name, one.is_you, one.habits.decisions) for one in measured(person).people]

    assert names(grace.person) == [("Grace", True, 2)]
    assert names(factories.person("vera", role=Role.VIEWER)) == []
    for role in (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR):
        assert names(factories.person(role.value, role=role)) == [("Ada", False, 1), ("Grace", False, 2)]
    local = factories.person("local", role=Role.AUDITOR, namespace="billing")
    assert names(local) == [("Grace", False, 1)]
    hold(local, Role.VIEWER, namespace="default")
    assert names(local) == [("Grace", False, 1)]
    assert measured(local).habits.decisions == 3


def test_another_namespace_is_not_counted(ada: Approver) -> None:
    decided(ada, after=5.0)
    elsewhere = measured(factories.person("elsa", role=Role.VIEWER, namespace="billing"))
    assert (elsewhere.requests.total, elsewhere.habits.decisions) == (0, 0)


def test_a_deleted_persons_decisions_still_count(ada: Approver, grace: Approver) -> None:
    decided(grace, after=4.0)
    Decision.objects.update(person=None)
    found = measured(factories.person("audrey", role=Role.AUDITOR))
    assert [(one.name, one.habits.timed) for one in found.people] == [("Grace", 0)]


def test_never_more_rows_than_a_bound(ada: Approver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MAXIMUM_DECISIONS", 2)
    decided(ada, after=100.0)
    decided(ada, after=2.0)
    assert not measured(ada.person).is_cut
    decided(ada, after=4.0)
    found = measured(ada.person)
    assert (found.is_cut, found.habits.median_seconds, found.requests.total) == (True, 3.0, 3)


def test_two_queries_beside_the_roles(ada: Approver) -> None:
    for _ in range(3):
        decided(ada, after=5.0)
    within = reach(ada.person, Role.VIEWER)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        queries.measures(person=ada.person, days=30, within=within)
    assert len(asked) == 3


class TestPage:
    def test_nothing_yet(self) -> None:
        assert "Nothing to measure yet" in page(factories.person("vera", role=Role.VIEWER))

    def test_it_shows_what_was_measured(self, ada: Approver) -> None:
        decided(ada, after=65.0)
        shown = page(ada.person, "?days=30")
        assert "1 of 1 that people decided" in shown
        assert "1 min 05 s" in shown
        assert "local:ada" in shown
        assert "style=" not in shown

    def test_a_name_is_data(self, ada: Approver) -> None:
        decided(ada, after=5.0)
        Decision.objects.update(display_name="<script>\u202e")
        shown = page(factories.person("audrey", role=Role.AUDITOR))
        assert "<script>\u202e" not in shown
        assert "&lt;script&gt;" in shown

    @pytest.mark.parametrize("days", ["0", "8", "-1", "x", "7.0", "\0", "9" * 99])
    def test_another_span_is_refused(self, ada: Approver, days: str) -> None:
        client = Client()
        client.force_login(ada.person)
        answer: Any = client.get("/measures/", {"days": days}, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (400, "days")

    def test_reading_writes_nothing(self, ada: Approver) -> None:
        client = Client()
        client.force_login(ada.person)
        client.get("/measures/")
        with CaptureQueriesContext(connection) as asked:
            client.get("/measures/")
        assert not [query for query in asked if not query["sql"].lstrip().startswith("SELECT")]


def test_a_span_is_in_words() -> None:
    assert [in_words(span) for span in (0.04, 9.94, 10, 59.4, 200, 3600, 3900)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "3 min 20 s", "1 h 00 min", "1 h 05 min",
    ]  # fmt: skip


def test_habits_of_nobody_are_nothing() -> None:
    nobody = habits_of([])
    assert (nobody.approval_percent, nobody.hasty_percent, nobody.median_words) == (None, None, "")
    one = habits_of([Signed("local:ada", "Ada", False, 2.0)])
    assert (one.approval_percent, one.hasty_percent, one.median_words) == (0, None, "2.0 s")


def test_a_column_holds_all_its_parts_and_the_least_can_be_seen() -> None:
    today = datetime.now(UTC).date()
    drawn = chart([Day(today, Requests(1000, 998, 1, 1)), Day(today, Requests())])
    bars = {bar.kind: bar for bar in drawn.columns[0].bars}
    assert drawn.most == 1000
    assert drawn.columns[1].bars == []
    assert min(bar.y for bar in bars.values()) >= 0
    assert min(bar.height for bar in bars.values()) == 2
    assert bars["approved"].y + bars["approved"].height == HEIGHT
    assert chart([]).columns == []


def test_what_was_approved_is_so_whatever_came_of_it() -> None:
    assert set(queries._APPROVED) == {RequestState.APPROVED, RequestState.EXECUTED, RequestState.FAILED}
