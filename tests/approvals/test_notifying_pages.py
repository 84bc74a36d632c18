"""How people say how they are told, and where they see who was told."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles.contracts import Role
from approvals.models import ApprovalRequest, MutedChannel, Notification, QuietHours
from approvals.notify import outbox, queries
from approvals.notify.contracts import Answer, Result
from approvals.requests import urgency
from tests import people
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]
OWN, LOG = "/notifications/", "/notifications/log/"
NIGHT = {"channels": ["mail"], "begins": "22:00", "ends": "07:00", "time_zone": "Europe/Berlin"}


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def answer(result: Result, text: str = "550 <b>nobody</b> here") -> None:
    job = outbox.claim(channel="mail")
    assert job is not None
    outbox.answered(job=job, answer=Answer(result, text))


# --- How one is told ----------------------------------------------------------------------------


def test_a_person_chooses_channels_and_quiet_hours(ada: Approver) -> None:
    client = browser(ada.person)
    assert "ada@mail.example" in client.get(OWN).content.decode()
    assert client.post(OWN, {**NIGHT, "channels": []}).status_code == 302
    assert MutedChannel.objects.get().channel == "mail"
    hours = QuietHours.objects.get()
    assert (hours.begins, hours.ends, hours.time_zone) == (time(22), time(7), "Europe/Berlin")
    html = client.get(OWN).content.decode()
    assert 'value="22:00"' in html
    assert 'id="channel-mail" aria-describedby="channel-mail-where">' in html, "it is off"
    client.post(OWN, {"channels": ["mail"], "begins": "", "ends": "", "time_zone": ""})
    assert (MutedChannel.objects.count(), QuietHours.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ends": ""}, "Give both times"),
        ({"begins": ""}, "Give both times"),
        ({"ends": "22:00"}, "Quiet hours that end when they begin"),
        ({"time_zone": "Mars/Olympus"}, "no time zone by that name"),
        ({"time_zone": "../../etc/passwd"}, "no time zone by that name"),
        ({"time_zone": ""}, "whose clock counts"),
        ({"begins": "25:99"}, "Enter a valid time"),
        ({"channels": ["pigeon"]}, "pigeon is not one of the available choices"),
        ({"time_zone": "x" * 70}, "at most 64"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_typed(ada: Approver, changes: dict[str, Any], said: str) -> None:
    response = browser(ada.person).post(OWN, {**NIGHT, **changes})
    html = response.content.decode()
    assert response.status_code == 422
    assert said in html
    assert "Nothing was saved" in html
    assert (MutedChannel.objects.count(), QuietHours.objects.count()) == (0, 0)


def test_new_hours_let_go_of_what_the_ones_before_held_back(ada: Approver) -> None:
    now = timezone.now()
    times = {"begins": (now - timedelta(hours=1)).time(), "ends": (now + timedelta(hours=1)).time()}
    QuietHours.objects.create(person=ada.person, time_zone="UTC", **times)
    factories.open_request(ada)
    assert outbox.claim(channel="mail") is None
    browser(ada.person).post(OWN, {"channels": ["mail"]})
    assert outbox.claim(channel="mail") is not None


def test_looking_changes_nothing_and_a_form_from_elsewhere_is_refused(ada: Approver) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada.person)
    assert client.get(OWN).status_code == 200
    assert client.post(OWN, NIGHT).status_code == 403
    assert QuietHours.objects.count() == 0


# --- Who was told -------------------------------------------------------------------------------


def test_the_requests_page_says_who_was_told_and_auditors_see_where_and_what_was_answered(ada: Approver) -> None:
    asked = factories.open_request(ada)
    answer(Result.PERMANENT)
    for role, sees in ((Role.VIEWER, False), (Role.AUDITOR, True)):
        client = browser(people.person(role, role))
        for part in ("", "progress/"):
            html = client.get(f"/approvals/{asked.pk}/{part}").content.decode()
            assert "0 of 1" in html
            assert "Failed for good" in html
            assert ("ada@mail.example" in html, "&lt;b&gt;nobody" in html) == (sees, sees)
            assert "<b>nobody" not in html


def test_an_overseer_of_another_namespace_sees_no_address(ada: Approver) -> None:
    asked = factories.open_request(ada)
    answer(Result.PERMANENT)
    person = people.hold(people.person("elsewhere", Role.AUDITOR, namespace="billing"), Role.VIEWER)
    client = browser(person)
    assert "ada@mail.example" not in client.get(f"/approvals/{asked.pk}/").content.decode()
    assert "ada@mail.example" not in client.get(LOG).content.decode()


def test_operators_see_what_failed_and_what_is_late(ada: Approver) -> None:
    failed, late, held = (factories.open_request(ada) for _ in range(3))
    answer(Result.PERMANENT)
    answer(Result.TEMPORARY, "451 later")
    html = browser(people.person("sam", Role.SECURITY_ADMINISTRATOR)).get(LOG).content.decode()
    assert "550 &lt;b&gt;nobody" in html
    assert "451 later" in html
    assert [request.pk in html for request in (failed, late, held)] == [True, True, False]


@pytest.mark.parametrize("channels", [0, 1])
def test_a_critical_request_that_reached_people_in_fewer_than_two_ways_is_warned_about(
    ada: Approver, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    asked = factories.open_request(ada)
    answer(Result.SENT if channels else Result.PERMANENT)
    ApprovalRequest.objects.update(severity="SEV1 ", opened_at=timezone.now() - timedelta(minutes=2))
    auditor = browser(people.person("audit", Role.AUDITOR))
    page = auditor.get(f"/approvals/{asked.pk}/progress/").content.decode()
    assert ("in one way only" if channels else "no way but this page") in page
    log = auditor.get(LOG).content.decode()
    assert asked.pk in log
    assert ("One way" if channels else "No way") in log
    # Nobody needs to be called for what is over.
    ApprovalRequest.objects.update(state="withdrawn", urgency=None, closed_at=timezone.now() - timedelta(seconds=90))
    page = auditor.get(f"/approvals/{asked.pk}/progress/").content.decode()
    log = auditor.get(LOG).content.decode()
    assert [words for words in ("one way only", "no way but") if words in page] == []
    assert [words for words in ("One way", "No way") if words in log] == []
    ApprovalRequest.objects.update(state="open", urgency=0, closed_at=None)
    # With a second channel that has succeeded, nobody is warned.
    row = Notification.objects.get()
    now = timezone.now()
    for channel in ("push", "slack")[channels:]:
        Notification.objects.create(
            approval_request=asked, channel=channel, event="opened", recipient="local:ada", display_name="Ada",
            urgency=0, state="sent", created_at=row.created_at, due_at=now, ended_at=now,
        )  # fmt: skip
    log = auditor.get(LOG).content.decode()
    assert [words for words in ("One way", "No way") if words in log] == []
    assert urgency.rank("SEV1 ") == 0


def test_the_page_costs_a_bounded_number_of_queries(ada: Approver, django_assert_max_num_queries: Any) -> None:
    for name in range(5):
        asked = factories.open_request(ada, reachable(factories.approver(f"person-{name}")))
        answer(Result.SENT)
    with django_assert_max_num_queries(3):
        told = queries.told(asked.pk, is_open=True, severity_rank=0, opened_at=asked.opened_at, shows_addresses=True)
    assert len(told.lines) == 2
