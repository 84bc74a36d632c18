"""Who is told of a request: rows written with what they tell of, claimed once, and dropped when nobody needs them."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import Person, RoleGrant
from approvals.contracts import Outcome, RequestState
from approvals.decisions.services import record
from approvals.models import ApprovalRequest, Delivery, MutedChannel, Notification, NotificationAttempt, QuietHours
from approvals.notify import outbox
from approvals.notify.audience import audience
from approvals.notify.contracts import Answer, Job, NotificationEvent, Result
from approvals.notify.quiet import quiet_until
from approvals.notify.services import note_stuck
from approvals.requests import services as requests
from approvals.requests import urgency
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]
SENT = Answer(Result.SENT, "Taken.")
AWAY = Answer(Result.TEMPORARY, "421 not now")


@pytest.fixture
def asked(ada: Approver, grace: Approver) -> ApprovalRequest:
    """An open request that wants both of them."""
    return factories.open_request(ada, grace, min_approvals=2)


def told() -> Counter[str]:
    """Return what there is, as "event to whom: state"."""
    return Counter(f"{row.event} to {row.recipient}: {row.state}" for row in Notification.objects.all())


def claim(**options: Any) -> Job | None:
    return outbox.claim(channel="mail", **options)


def send_all() -> list[Job]:
    """Send everything that is due, and return it."""
    sent = []
    while (job := claim()) is not None:
        outbox.answered(job=job, answer=SENT)
        sent.append(job)
    return sent


def due_now() -> None:
    Notification.objects.update(due_at=timezone.now())


def approve(approver: Approver, request: ApprovalRequest) -> None:
    record(person=approver.person, request_id=request.pk, approval=approver.sign_approval(request))


def close(request: ApprovalRequest, status: str) -> None:
    requests.close(outcome=Outcome(request.pk, status, 1_790_000_000_000))


# --- Who ----------------------------------------------------------------------------------------


def test_those_are_asked_who_can_decide_and_nobody_else(ada: Approver, grace: Approver) -> None:
    unasked = reachable(factories.approver("unasked"))
    left = reachable(factories.approver("left"))
    unendorsed = factories.person("new")
    key = factories.enrol_key(unendorsed, endorse=False).public_key().public_bytes_raw()
    no_approver = reachable(factories.approver("moved"))
    RoleGrant.objects.filter(person=no_approver.person).delete()
    Person.objects.filter(pk=left.person.pk).update(is_active=False)
    terms = Terms(policy="p:1", barred_people=(grace.person.external_id,))
    minted = factories.mint(ada, grace, left, no_approver, key, min_approvals=1, terms=terms)
    request = requests.open(gate_request=factories.gate_request(minted))
    assert told() == {"opened to local:ada: waiting": 1}
    assert audience(request) == [ada.person]
    assert unasked.person not in audience(request)


def test_who_has_no_address_or_switched_the_channel_off_gets_no_row(ada: Approver, grace: Approver) -> None:
    Person.objects.filter(pk=ada.person.pk).update(email="")
    MutedChannel.objects.create(person=grace.person, channel="mail")
    factories.open_request(ada, grace)
    assert told() == {}


def test_without_a_channel_nothing_is_written_or_asked(settings: Any, ada: Approver, grace: Approver) -> None:
    settings.EMAIL_HOST = ""
    asked = factories.open_request(ada, grace, min_approvals=2)
    approve(ada, asked)
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert told() == {}


def test_opening_again_asks_nobody_again(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada))
    for _ in range(2):
        requests.open(gate_request=sent)
    assert told() == {"opened to local:ada: waiting": 1}


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_tells_nobody(ada: Approver) -> None:
    sent = factories.gate_request(factories.mint(ada))
    with transaction.atomic():
        requests.open(gate_request=sent)
        assert told() == {"opened to local:ada: waiting": 1}
        transaction.set_rollback(True)
    assert (told(), ApprovalRequest.objects.count()) == ({}, 0)


# --- How it went on -----------------------------------------------------------------------------


def test_everybody_who_was_asked_learns_each_step_and_the_end(ada: Approver, grace: Approver, asked: Any) -> None:
    first = send_all()
    assert {job.notice.event for job in first} == {NotificationEvent.OPENED}
    assert {job.notice.can_decide for job in first} == {("Ada", "Grace")}
    approve(ada, asked)
    (progress,) = send_all()
    assert (progress.recipient, progress.notice.event) == ("local:grace", NotificationEvent.PROGRESS)
    assert (progress.notice.approvals_given, progress.notice.can_decide) == (1, ("Grace",))
    approve(grace, asked)
    assert claim() is None, "what runs at once is told as that"
    close(asked, "executed")
    ended = send_all()
    assert {(job.recipient, job.notice.event) for job in ended} == {
        ("local:ada", NotificationEvent.EXECUTED),
        ("local:grace", NotificationEvent.EXECUTED),
    }
    by_thread = {job.thread for job in (*first, progress, *ended)}
    assert by_thread == {job.id for job in first}


@pytest.mark.parametrize("end", ["denied", "expired", "withdrawn", "superseded"])
def test_a_request_that_is_over_is_asked_about_no_more_and_who_was_asked_hears_so(
    ada: Approver, grace: Approver, end: str
) -> None:
    minted = factories.mint(ada, grace)
    asked = requests.open(gate_request=factories.gate_request(minted, run_id="run-1"))
    job = claim()
    assert job is not None
    if end == "denied":
        record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked))
    elif end == "superseded":
        requests.open(
            gate_request=factories.gate_request(minted, run_id="run-1", supersedes=asked.pk, why_again="Late.")
        )
    else:
        close(asked, end)
    found = {(row.event, row.recipient): row.state for row in Notification.objects.filter(approval_request=asked)}
    other = ({"local:ada", "local:grace"} - {job.recipient}).pop()
    assert found.pop(("opened", job.recipient)) == "sending"
    assert found.pop(("opened", other)) == "dropped"
    assert found.pop((end, job.recipient)) == "waiting"
    assert found == {}, "who was not asked has nothing to hear"
    outbox.answered(job=job, answer=SENT)
    due_now()
    assert (end, job.recipient) in [(one.notice.event, one.recipient) for one in send_all()]


def test_a_request_whose_time_is_over_is_not_asked_about(ada: Approver, asked: ApprovalRequest) -> None:
    ApprovalRequest.objects.update(opened_at=timezone.now() - timedelta(hours=1), expires_at=timezone.now())
    assert send_all() == []
    assert set(Notification.objects.values_list("state", flat=True)) == {"dropped"}


def test_who_has_decided_meanwhile_is_not_asked(ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
    approve(ada, asked)
    assert [(job.recipient, job.notice.event) for job in send_all()] == [("local:grace", "opened")]


def test_the_end_waits_until_it_is_known_whether_somebody_was_asked(ada: Approver) -> None:
    """The sender was killed, perhaps after the message had left."""
    asked = factories.open_request(ada)
    assert claim() is not None
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert claim() is None
    due_now()
    assert [(job.attempt, job.notice.event) for job in send_all()] == [(1, "withdrawn")]
    assert told() == {"opened to local:ada: dropped": 1, "withdrawn to local:ada: sent": 1}


def test_who_surely_was_not_asked_does_not_hear_the_end(ada: Approver) -> None:
    asked = factories.open_request(ada)
    job = claim()
    assert job is not None
    requests.withdraw(request_id=asked.pk, reason="Done.")
    outbox.answered(job=job, answer=Answer(Result.PERMANENT, "550 nobody here"))
    due_now()
    assert send_all() == []
    assert told() == {"opened to local:ada: failed": 1, "withdrawn to local:ada: dropped": 1}


def test_only_the_newest_is_told_after_an_outage(ada: Approver, grace: Approver, asked: ApprovalRequest) -> None:
    send_all()
    approve(ada, asked)
    job = claim()
    assert job is not None
    approve(grace, asked)
    close(asked, "failed")
    outbox.answered(job=job, answer=AWAY)
    due_now()
    assert {one.notice.event for one in send_all()} == {NotificationEvent.FAILED}


def test_what_is_stuck_is_told_once(ada: Approver) -> None:
    asked = factories.open_request(ada)
    send_all()
    approve(ada, asked)
    assert note_stuck(limit=10) == 0
    Delivery.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert [note_stuck(limit=10), note_stuck(limit=10)] == [1, 0]
    due_now()
    assert NotificationEvent.STUCK in {job.notice.event for job in send_all()}
    ApprovalRequest.objects.get(pk=asked.pk, state=RequestState.APPROVED)


# --- Claims and answers -------------------------------------------------------------------------


def test_a_lease_keeps_others_away_until_it_is_over(ada: Approver) -> None:
    factories.open_request(ada)
    assert claim(lease_seconds=60) is not None
    assert claim() is None
    due_now()
    again = claim()
    assert again is not None
    assert again.attempt == 2
    assert list(NotificationAttempt.objects.order_by("number").values_list("result", flat=True)) == ["", ""]


def test_a_late_answer_counts_if_the_message_left_and_not_if_it_did_not(ada: Approver) -> None:
    factories.open_request(ada)
    late = claim(lease_seconds=0)
    current = claim()
    assert late is not None
    assert current is not None
    outbox.answered(job=late, answer=Answer(Result.PERMANENT, "550 no"))
    assert told() == {"opened to local:ada: sending": 1}
    outbox.answered(job=late, answer=SENT)
    outbox.answered(job=current, answer=AWAY)
    assert told() == {"opened to local:ada: sent": 1}


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(ada: Approver) -> None:
    factories.open_request(ada)
    for _ in range(13):
        due_now()
        job = claim()
        assert job is not None
        outbox.answered(job=job, answer=AWAY)
        left = (Notification.objects.get().due_at - timezone.now()).total_seconds()
        assert 0 < left <= outbox.LONGEST_PAUSE_SECONDS
    assert left >= outbox.LONGEST_PAUSE_SECONDS / 2 - 1
    assert NotificationAttempt.objects.filter(result="temporary", answer="421 not now").count() == 13
    Notification.objects.update(created_at=timezone.now() - outbox.GIVES_UP_AFTER - timedelta(seconds=1))
    due_now()
    job = claim()
    assert job is not None
    outbox.answered(job=job, answer=AWAY)
    assert told() == {"opened to local:ada: failed": 1}


def test_a_channel_is_left_alone_for_as_long_as_its_other_side_asks(ada: Approver) -> None:
    factories.open_request(ada)
    job = claim()
    assert job is not None
    outbox.answered(job=job, answer=Answer(Result.TEMPORARY, "429", retry_after=90))
    left = (Notification.objects.get().due_at - timezone.now()).total_seconds()
    assert 88 < left <= 90


def test_a_request_that_was_changed_in_the_database_keeps_nobody_else_from_being_told(ada: Approver) -> None:
    changed, whole = factories.open_request(ada), factories.open_request(ada)
    ApprovalRequest.objects.filter(pk=changed.pk).update(warrant_chain=["bm9uZQ=="])
    assert [job.notice.request_id for job in send_all()] == [whole.pk]
    assert told() == {"opened to local:ada: failed": 1, "opened to local:ada: sent": 1}
    assert "cannot be read" in NotificationAttempt.objects.get(result="permanent").answer


def test_the_most_urgent_goes_first(ada: Approver, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.open_request(ada)
    monkeypatch.setattr(urgency, "rank", lambda severity: 0)
    urgent = factories.open_request(ada)
    assert send_all()[0].notice.request_id == urgent.pk


@pytest.mark.django_db(transaction=True)
def test_two_notifiers_at_once_take_each_once(ada: Approver, grace: Approver) -> None:
    for _ in range(8):
        factories.open_request(ada, grace)
    taken: list[tuple[str, str]] = []

    def notifier() -> None:
        misses = 0
        while misses < 3:  # what another one has locked is passed over
            job = claim()
            if job is None:
                misses += 1
                continue
            taken.append((job.notice.request_id, job.recipient))
            outbox.answered(job=job, answer=SENT)
        connections.close_all()

    threads = [threading.Thread(target=notifier) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(taken), len(set(taken))) == (16, 16)
    assert connection.vendor
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}


# --- What people want ---------------------------------------------------------------------------


def quiet_now(person: Person) -> None:
    now = timezone.now()
    QuietHours.objects.create(
        person=person,
        begins=(now - timedelta(hours=1)).time(),
        ends=(now + timedelta(hours=1)).time(),
        time_zone="UTC",
    )


def test_quiet_hours_hold_back_what_is_not_critical(ada: Approver, grace: Approver) -> None:
    quiet_now(ada.person)
    asked = factories.open_request(ada, grace)
    assert [job.recipient for job in send_all()] == ["local:grace"]
    row = Notification.objects.get(recipient="local:ada")
    assert timedelta(minutes=58) < row.due_at - timezone.now() <= timedelta(hours=1)
    assert not row.tries.exists()
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert [job.recipient for job in send_all()] == ["local:grace"], "nobody wakes to what is long over"


def test_a_critical_request_breaks_them(ada: Approver, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet_now(ada.person)
    monkeypatch.setattr(urgency, "rank", lambda severity: 0)
    factories.open_request(ada)
    assert [job.recipient for job in send_all()] == ["local:ada"]


def test_a_channel_that_was_switched_off_meanwhile_is_not_used(ada: Approver) -> None:
    factories.open_request(ada)
    MutedChannel.objects.create(person=ada.person, channel="mail")
    assert send_all() == []
    assert told() == {"opened to local:ada: dropped": 1}


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "hours", "ends"),
    [
        ("2026-11-26 23:30", "22:00-07:00", "2026-11-27 07:00"),
        ("2026-11-27 06:59", "22:00-07:00", "2026-11-27 07:00"),
        ("2026-11-27 07:00", "22:00-07:00", ""),
        ("2026-11-26 21:59", "22:00-07:00", ""),
        ("2026-11-26 12:30", "12:00-13:00", "2026-11-26 13:00"),
        # The night in which the clock jumps from 2 to 3, and the one in which 2 to 3 comes twice.
        ("2026-03-28 23:00", "22:00-07:00", "2026-03-29 07:00"),
        ("2026-03-29 01:30", "01:00-02:30", "2026-03-29 03:30"),
        ("2026-10-24 23:00", "22:00-07:00", "2026-10-25 07:00"),
        ("2026-10-25 02:10", "01:00-02:30", "2026-10-25 02:30"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(now: str, hours: str, ends: str) -> None:
    begins, _, until = hours.partition("-")
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)
    found = quiet_until(at, time.fromisoformat(begins), time.fromisoformat(until), "Europe/Berlin")
    assert found == (datetime.fromisoformat(ends).replace(tzinfo=BERLIN).astimezone(UTC) if ends else None)


def test_in_the_hour_that_comes_twice_they_end_at_the_first_end_that_is_to_come() -> None:
    second = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1).astimezone(UTC)
    found = quiet_until(second, time(1), time(2, 30), "Europe/Berlin")
    assert found == second + timedelta(minutes=20)


def test_the_night_of_the_change_is_an_hour_shorter_or_longer() -> None:
    begin = datetime(2026, 3, 28, 22, tzinfo=BERLIN).astimezone(UTC)
    end = quiet_until(begin, time(22), time(7), "Europe/Berlin")
    assert end is not None
    assert end - begin == timedelta(hours=8)
    begin = datetime(2026, 10, 24, 22, tzinfo=BERLIN).astimezone(UTC)
    end = quiet_until(begin, time(22), time(7), "Europe/Berlin")
    assert end is not None
    assert end - begin == timedelta(hours=10)


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../../etc/passwd", "", "UTC\x00"])
def test_a_time_zone_that_is_none_has_no_quiet_hours(zone: str) -> None:
    assert quiet_until(datetime.now(UTC), time(0), time(23, 59), zone) is None
