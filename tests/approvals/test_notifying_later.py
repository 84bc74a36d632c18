"""What changes while a request waits: an approval that no longer counts, and people who can decide only later."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import ApproverKey, Person, RoleGrant
from accounts.roles.contracts import Role
from approvals.absence.services import end, note
from approvals.decisions.services import lapse_overdue, record
from approvals.models import ApprovalRequest, Decision, Escalation, LadderStep, MutedChannel, Notification
from approvals.notify import escalation, outbox
from approvals.notify.contracts import Answer, Notice, NotificationEvent, Result
from approvals.notify.latecomers import Latecomers
from approvals.notify.mail import wording as mail_wording
from approvals.notify.push import wording as push_wording
from approvals.notify.slack import wording as slack_wording
from approvals.notify.webhooks import wording as webhook_wording
from approvals.requests import services as requests
from approvals.retractions.services import retract
from tests import people, webhook_receiver
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_notifying_mail import job as mail_job
from tests.endorsing import endorsed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail")]
SENT = Answer(Result.SENT, "Taken.")


def told(event: str = "opened") -> list[str]:
    """Return to whom ``event`` was sent or is to be sent, and where that stands."""
    rows = Notification.objects.filter(event=event).order_by("recipient", "pk")
    return [f"{row.recipient}: {row.state}" for row in rows]


def send_all(channel: str = "mail") -> list[Notice]:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now())
    sent = []
    while (job := outbox.claim(channel=channel)) is not None:
        outbox.answered(job=job, answer=SENT)
        sent.append(job.notice)
    return sent


def approve(who: Approver, asked: ApprovalRequest) -> bytes:
    signed = who.sign_approval(asked)
    record(person=who.person, request_id=asked.pk, approval=signed)
    return signed


def take_back(who: Approver, asked: ApprovalRequest, approval: bytes) -> None:
    retract(person=who.person, request_id=asked.pk, retraction=who.sign_retraction(asked, approval))


def look() -> int:
    return Latecomers().look(limit=100)


# --- An approval that no longer counts ----------------------------------------------------------


def test_who_heard_of_an_approval_hears_that_it_was_taken_back_and_what_comes_then(
    ada: Approver, grace: Approver
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    given = approve(ada, asked)
    assert [notice.approvals_given for notice in send_all()] == [1]
    take_back(ada, asked, given)
    assert told("waiting_again") == ["local:grace: waiting"], "whoever took it back knows"
    (notice,) = send_all()
    assert (notice.event, notice.approvals_given, notice.can_decide) == ("waiting_again", 0, ("Ada", "Grace"))
    # As many approvals as when Ada gave hers first, and yet it is news.
    approve(ada, asked)
    assert [(notice.event, notice.approvals_given) for notice in send_all()] == [("progress", 1)]
    requests.withdraw(request_id=asked.pk, reason="Done.")
    send_all()
    assert told("withdrawn") == ["local:ada: sent", "local:grace: sent"]


def test_an_approval_that_is_taken_back_twice_is_told_twice(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    for _ in range(2):
        take_back(ada, asked, approve(ada, asked))
        send_all()
    assert told("waiting_again") == ["local:grace: sent", "local:grace: sent"]


def test_what_was_not_sent_yet_gives_way_to_what_is_so_now(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    take_back(ada, asked, approve(ada, asked))
    assert [notice.event for notice in send_all()] == ["waiting_again"]
    assert told("progress") == ["local:grace: dropped"]


def test_nobody_hears_that_it_waits_again_when_it_is_over(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    take_back(ada, asked, approve(ada, asked))
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert {notice.event for notice in send_all()} == {"withdrawn"}


def test_an_approval_whose_time_is_over_is_told_to_everybody_who_was_asked(ada: Approver, grace: Approver) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    approve(ada, asked)
    send_all()
    assert lapse_overdue(limit=10) == 0
    Decision.objects.update(expires_at=timezone.now())
    assert lapse_overdue(limit=10) == 1
    assert lapse_overdue(limit=10) == 0
    assert told("waiting_again") == ["local:ada: waiting", "local:grace: waiting"]
    assert [notice.approvals_given for notice in send_all()] == [0, 0]
    approve(ada, asked)


def test_what_enough_people_approved_does_not_lapse(ada: Approver) -> None:
    asked = factories.open_request(ada)
    approve(ada, asked)
    Decision.objects.update(expires_at=timezone.now())
    assert lapse_overdue(limit=10) == 0


def test_programs_are_told_in_order(ada: Approver, grace: Approver, settings: Any) -> None:
    settings.WEBHOOKS = json.dumps([webhook_receiver.entry("http://127.0.0.1:9/")])
    asked = factories.open_request(ada, grace, min_approvals=2)
    take_back(ada, asked, approve(ada, asked))
    assert [notice.event for notice in send_all("webhook")] == ["opened", "progress", "waiting_again"]


def test_every_channel_has_words_for_it() -> None:
    job = mail_job(event=NotificationEvent.WAITING_AGAIN)
    assert "An approval no longer counts" in str(mail_wording.message(job).body)
    assert "Approval asked: 0 of 2" in str(slack_wording.message(job.notice))
    assert slack_wording.milestone(job.notice).endswith("0 of 2 have approved.")
    shown = json.loads(push_wording.message(job.notice).body)
    assert (shown["title"], shown["over"]) == ("Decide: restart_service", False)
    assert shown["body"].endswith("0 of 2 approved")
    assert json.loads(webhook_wording.body(job.notice))["type"] == "request.waiting_again"


# --- People who can decide only later -----------------------------------------------------------


def key_is_endorsed(late: Approver) -> None:
    endorsed(ApproverKey.objects.get(person=late.person))


def role_is_granted(late: Approver) -> None:
    people.hold(late.person, Role.APPROVER)


def account_is_active(late: Approver) -> None:
    Person.objects.filter(pk=late.person.pk).update(is_active=True)


def address_is_known(late: Approver) -> None:
    reachable(late)


@pytest.fixture(params=[key_is_endorsed, role_is_granted, account_is_active, address_is_known])
def becoming(request: pytest.FixtureRequest, ada: Approver, grace: Approver) -> Callable[[], None]:
    """Grace cannot decide, or is reached by nothing, until this is called."""
    happens: Callable[[Approver], None] = request.param
    if happens is key_is_endorsed:
        ApproverKey.objects.get(person=grace.person).endorsements.all().delete()
    elif happens is role_is_granted:
        RoleGrant.objects.filter(person=grace.person).delete()
    elif happens is account_is_active:
        Person.objects.filter(pk=grace.person.pk).update(is_active=False)
    else:
        Person.objects.filter(pk=grace.person.pk).update(email="")
    return lambda: happens(grace)


def test_who_becomes_able_later_is_asked_once_and_hears_the_end(
    ada: Approver, grace: Approver, becoming: Callable[[], None]
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    assert look() == 0
    becoming()
    assert look() == 1
    assert look() == 0
    assert len(send_all()) == 1
    assert told() == ["local:ada: sent", "local:grace: sent"]
    requests.withdraw(request_id=asked.pk, reason="Done.")
    send_all()
    assert told("withdrawn") == ["local:ada: sent", "local:grace: sent"]


def test_who_could_not_decide_when_it_was_to_be_sent_is_asked_when_they_can(ada: Approver, grace: Approver) -> None:
    factories.open_request(ada, grace)
    RoleGrant.objects.filter(person=grace.person).delete()
    send_all()
    assert told() == ["local:ada: sent", "local:grace: dropped"]
    assert look() == 0
    role_is_granted(grace)
    assert look() == 1
    send_all()
    assert told() == ["local:ada: sent", "local:grace: sent"]


def test_who_was_asked_by_one_channel_is_not_asked_again_by_another(ada: Approver, settings: Any) -> None:
    factories.open_request(ada)
    send_all()
    settings.SLACK_BOT_TOKEN = settings.SLACK_SIGNING_SECRET = settings.SLACK_TEAM_ID = "set up later"
    assert look() == 0
    assert told() == ["local:ada: sent"]


@pytest.mark.parametrize("state", ["sending", "failed", "waiting"])
def test_what_is_still_tried_or_has_failed_is_no_reason_to_ask_again(ada: Approver, state: str) -> None:
    factories.open_request(ada)
    Notification.objects.update(state=state, ended_at=timezone.now() if state == "failed" else None)
    assert look() == 0
    assert told() == [f"local:ada: {state}"]


def test_who_has_switched_a_channel_off_is_left_alone(ada: Approver, grace: Approver) -> None:
    MutedChannel.objects.create(person=grace.person, channel="mail")
    factories.open_request(ada, grace)
    assert look() == 0
    assert told() == ["local:ada: waiting"]


def test_nobody_is_asked_about_what_is_over_or_barred_from(ada: Approver, grace: Approver) -> None:
    Person.objects.filter(pk=grace.person.pk).update(email="")
    asked = factories.open_request(ada, grace)
    address_is_known(grace)
    ApprovalRequest.objects.update(expires_at=timezone.now())
    assert look() == 0
    ApprovalRequest.objects.update(expires_at=timezone.now() + timedelta(minutes=5))
    requests.withdraw(request_id=asked.pk, reason="Done.")
    assert look() == 0


def test_a_ladder_is_respected_until_it_has_told_everybody(ada: Approver, grace: Approver) -> None:
    by = {"changed_by": "tests", "changed_at": timezone.now()}
    LadderStep.objects.create(policy="", position=0, wait_minutes=5, **by).people.set([ada.person])
    factories.open_request(ada, grace)
    assert look() == 0
    Person.objects.filter(pk=grace.person.pk).update(email="")
    escalation.move_on(now=timezone.now() + timedelta(minutes=6), limit=10)
    assert Escalation.objects.get().due_at is None, "everybody who could be was told"
    address_is_known(grace)
    assert look() == 1
    assert told() == ["local:ada: waiting", "local:grace: waiting"]


def test_all_are_looked_at_some_at_a_time(ada: Approver, grace: Approver, django_assert_max_num_queries: Any) -> None:
    Person.objects.filter(pk=grace.person.pk).update(email="")
    for _ in range(5):
        factories.open_request(ada, grace)
    address_is_known(grace)
    latecomers = Latecomers()
    assert [latecomers.look(limit=2) for _ in range(4)] == [2, 2, 1, 0]
    with django_assert_max_num_queries(4):
        Latecomers().look(limit=100)


def test_who_is_away_is_asked_when_they_are_back(ada: Approver, grace: Approver) -> None:
    now = timezone.now()
    ends = now + timedelta(days=1)
    absence = note(person=grace.person, stand_in=None, begins=now, ends=ends, time_zone="UTC", by=grace.person)
    factories.open_request(ada, grace)
    assert (look(), told()) == (0, ["local:ada: waiting"])
    end(absence=absence, by=grace.person)
    assert (look(), told()) == (1, ["local:ada: waiting", "local:grace: waiting"])
