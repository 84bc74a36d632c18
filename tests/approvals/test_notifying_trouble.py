"""Operators see which channel is in trouble, since when and how much waits, and that nobody sends at all."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.queries import Reach
from approvals.models import ApprovalRequest, ChannelTrouble, Notification, NotificationAttempt
from approvals.notify import outbox, queries, trouble
from approvals.notify.contracts import Answer, Result
from approvals.notify.trouble import standing
from approvals.notify.webhooks import queries as logs
from approvals.notify.webhooks import services as webhooks
from approvals.requests import services as requests
from tests import people, slack, webhook_receiver
from tests.approvals import factories, smtp_server
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_notifying_mail import notifying, until
from workers import notifier
from workers.database import in_thread

pytestmark = pytest.mark.django_db
LOG = "/notifications/log/"
SENT = Answer(Result.SENT, "Taken.")
DOWN = Answer(Result.TEMPORARY, "The mail server cannot be used: <b>refused</b>", is_about_channel=True)
REVOKED = Answer(Result.PERMANENT, "Slack refuses this installation: token_revoked.", is_about_channel=True)
BUSY = Answer(Result.TEMPORARY, "The receiver is in trouble (500).")
RESTING = Answer(Result.TEMPORARY, "Not sent: the receiver failed a moment ago.")
LONG_AGO = timedelta(minutes=5)
INDEXES = {"notification_state_when", "notification_when", "request_past"}


@pytest.fixture
def ada(settings: Any) -> Approver:
    settings.EMAIL_HOST = "127.0.0.1"
    return reachable(factories.approver("ada"))


def page(namespace: str = "") -> str:
    """Return what an administrator of everything, or of ``namespace``, sees."""
    name = f"admin-{namespace}"
    known = Person.objects.filter(username=name).first()
    client = Client()
    client.force_login(known or people.person(name, Role.SECURITY_ADMINISTRATOR, namespace=namespace))
    return client.get(LOG).content.decode()


def answered(channel: str, answer: Answer) -> None:
    """Let the next message of ``channel`` come to ``answer``; what was tried before is due again when all were."""
    job = outbox.claim(channel=channel)
    if job is None:
        Notification.objects.filter(state="waiting").update(due_at=timezone.now())
        job = outbox.claim(channel=channel)
    assert job is not None
    outbox.answered(job=job, answer=answer)


def everything_waits_since(moment: timedelta) -> None:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now() - moment)
    NotificationAttempt.objects.update(begun_at=timezone.now() - moment)


def set_up_slack(settings: Any) -> None:
    settings.SLACK_BOT_TOKEN, settings.SLACK_SIGNING_SECRET = slack.TOKEN, slack.SECRET
    settings.SLACK_TEAM_ID, settings.SLACK_CHANNEL = slack.TEAM, slack.CHANNEL


# --- A channel in trouble -----------------------------------------------------------------------


def test_a_mail_server_that_is_down_is_seen_with_how_many_wait_until_it_takes_one(ada: Approver) -> None:
    for _ in range(3):
        factories.open_request(ada)
    assert "Trouble with" not in page()
    answered("mail", DOWN)
    since = ChannelTrouble.objects.get().since
    answered("mail", DOWN)
    seen = page()
    assert f"Trouble with e-mail since {since:%-d %b %Y, %H:%M}" in seen
    assert "&lt;b&gt;refused" in seen
    assert "3 notifications wait for it" in seen
    row = ChannelTrouble.objects.get()
    assert row.since == since < row.tried_at
    answered("mail", SENT)
    assert "Trouble with" not in page()


def test_a_refusal_of_one_persons_mail_is_nobodys_trouble(ada: Approver) -> None:
    factories.open_request(ada)
    answered("mail", Answer(Result.TEMPORARY, "451 greylisted"))
    assert not ChannelTrouble.objects.exists()


def test_a_revoked_token_is_seen_though_nothing_waits(ada: Approver, settings: Any) -> None:
    set_up_slack(settings)
    first, second = factories.open_request(ada), factories.open_request(ada)
    answered("slack", REVOKED)
    requests.withdraw(request_id=first.pk, reason="Done.")
    requests.withdraw(request_id=second.pk, reason="Done.")
    seen = page()
    assert "Trouble with Slack since" in seen
    assert "token_revoked" in seen
    assert "for it." not in seen
    settings.SLACK_BOT_TOKEN = settings.SLACK_SIGNING_SECRET = settings.SLACK_TEAM_ID = ""
    assert "Trouble with Slack" not in page(), "there is no Slack here any more"


def test_one_receiver_in_trouble_is_seen_and_no_other(ada: Approver, settings: Any) -> None:
    entries = [webhook_receiver.entry("http://127.0.0.1:9/", name=name) for name in ("board", "pager")]
    settings.WEBHOOKS = json.dumps(entries)
    factories.open_request(ada)
    answered("webhook", BUSY)
    answered("webhook", SENT)
    answered("webhook", RESTING)
    (line,) = standing(everywhere=True).troubles
    assert (line.label, line.answer, line.waiting) == ("webhook board", BUSY.text, 1)
    assert "Trouble with webhook board since" in page()
    namespace = ApprovalRequest.objects.get().namespace
    assert "webhook board" not in page(namespace=namespace), "it is told of others' requests too"
    settings.WEBHOOKS = json.dumps(entries[1:])
    assert standing(everywhere=True).troubles == [], "there is no such receiver any more"


def test_a_receiver_that_takes_a_test_is_in_trouble_no_more(ada: Approver, settings: Any) -> None:
    with webhook_receiver.serving() as receiver:
        settings.WEBHOOKS = json.dumps([receiver.entry()])
        factories.open_request(ada)
        answered("webhook", BUSY)
        receiver.answers.append(webhook_receiver.status(500))
        webhooks.send_test(name="board", within=Reach(True, frozenset()))
        assert ChannelTrouble.objects.exists()
        webhooks.send_test(name="board", within=Reach(True, frozenset()))
    assert not ChannelTrouble.objects.exists()


@pytest.mark.parametrize("over", [SENT, Answer(Result.PERMANENT, "Phone: is gone.")])
def test_push_services_in_trouble_are_seen(ada: Approver, settings: Any, over: Answer) -> None:
    asked = factories.open_request(ada)
    Notification.objects.filter(approval_request=asked).update(channel="push")
    settings.PUSH_CONTACT, settings.PUSH_HOSTS = "ops@countersign.example", ["push.example"]
    row = Notification.objects.get()
    trouble.heard(row=row, answer=Answer(Result.UNANSWERED, "Phone: did not say."), now=timezone.now())
    assert "Trouble with push since" in page()
    trouble.heard(row=row, answer=over, now=timezone.now())
    assert "Trouble with push" not in page()


# --- Nobody sends -------------------------------------------------------------------------------


def test_that_nobody_sends_is_seen_after_a_minute(ada: Approver) -> None:
    factories.open_request(ada)
    factories.open_request(ada)
    assert "Nobody sends" not in page(), "a notifier has a minute"
    everything_waits_since(LONG_AGO)
    seen = page()
    assert "Nobody sends: 2 notifications are due, the first since" in seen
    answered("mail", SENT)
    Notification.objects.filter(state="waiting").update(due_at=timezone.now() - LONG_AGO)
    assert "Nobody sends" not in page(), "one sends, and has much to send"


def test_what_a_dead_notifier_was_at_counts_too(ada: Approver) -> None:
    factories.open_request(ada)
    assert outbox.claim(channel="mail") is not None
    Notification.objects.update(due_at=timezone.now() - LONG_AGO)
    NotificationAttempt.objects.update(begun_at=timezone.now() - LONG_AGO)
    found = standing(everywhere=True).unsent
    assert found is not None
    assert found.waiting == 1


def test_what_waits_for_a_reason_is_no_sign_that_nobody_sends(ada: Approver, settings: Any) -> None:
    asked = factories.open_request(ada)
    # Quiet hours, or the pause before the next try: due later. What is told after it waits for it.
    Notification.objects.update(due_at=timezone.now() + LONG_AGO, attempts=3)
    NotificationAttempt.objects.create(
        notification=Notification.objects.get(), number=3, begun_at=timezone.now() - LONG_AGO, address="a",
        ended_at=timezone.now() - LONG_AGO, result="unanswered",
    )  # fmt: skip
    requests.withdraw(request_id=asked.pk, reason="Done.")
    Notification.objects.filter(event="opened").update(state="waiting", ended_at=None)
    Notification.objects.filter(event="withdrawn").update(due_at=timezone.now() - LONG_AGO)
    assert Notification.objects.count() == 2
    assert standing(everywhere=True).unsent is None
    # A channel in trouble rests.
    everything_waits_since(LONG_AGO)
    assert standing(everywhere=True).unsent is not None
    ChannelTrouble.objects.create(channel="mail", since=timezone.now(), tried_at=timezone.now(), answer="Down.")
    assert standing(everywhere=True).unsent is None
    # Nobody can send by a channel that is no more.
    ChannelTrouble.objects.all().delete()
    settings.EMAIL_HOST = ""
    assert standing(everywhere=True).unsent is None


def test_it_costs_two_queries(ada: Approver, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        factories.open_request(ada)
        answered("mail", DOWN)
    with django_assert_num_queries(2):
        standing(everywhere=True)


# --- One way alone, end to end ------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refused", [True, False])
async def test_a_critical_request_that_one_of_two_channels_told_of_is_seen_everywhere(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refused: bool
) -> None:
    """In the log, on its page, on the operators' page, and there with the channel that is in trouble."""
    monkeypatch.setattr(notifier, "TOLD_WITHIN", timedelta(0))
    set_up_slack(settings)
    settings.SLACK_CHANNEL = ""
    with smtp_server.serving() as mails, slack.serving() as workspace:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.SLACK_API_URL = "127.0.0.1", mails.port, workspace.api
        workspace.people["ada@mail.example"] = "U0ADA"
        workspace.answers["users.lookupByEmail"] = ["token_revoked"] if refused else []
        ada = await in_thread(lambda: reachable(factories.approver("ada")))
        asked = await in_thread(lambda: factories.open_request(ada))
        async with notifying():
            await until(lambda: not Notification.objects.filter(state__in=["waiting", "sending"]).exists())
            # As a warrant of this service would have made it, and seen by a look that comes only now.
            change = {"severity": "critical", "opened_at": timezone.now() + timedelta(seconds=0.3)}
            await in_thread(lambda: ApprovalRequest.objects.filter(pk=asked.pk).update(**change))
            warned = f"Critical request {asked.pk} reached people in 1 of 2 ways."
            if refused:
                await until(lambda: warned in caplog.messages)
            else:
                await asyncio.sleep(0.6)
    assert (warned in caplog.messages) == refused
    assert len(mails.mails) == 1
    assert len(workspace.messages) == (0 if refused else 1)

    def seen() -> tuple[str, str]:
        ApprovalRequest.objects.update(opened_at=timezone.now() - LONG_AGO)
        client = Client()
        client.force_login(people.person("audit", Role.AUDITOR))
        pages = [client.get(path).content.decode() for path in (f"/approvals/{asked.pk}/", LOG)]
        return pages[0], pages[1]

    page, log = await in_thread(seen)
    assert ("reached people in one way only" in page) == refused
    assert ("One way" in log) == refused
    assert ("Trouble with Slack since" in log) == refused
    assert "Trouble with e-mail" not in log


# --- With many rows -----------------------------------------------------------------------------


def test_what_operators_see_is_found_by_indexes(ada: Approver, settings: Any) -> None:
    settings.WEBHOOKS = json.dumps([webhook_receiver.entry("http://127.0.0.1:9/")])
    asked, now = factories.open_request(ada), timezone.now()
    # So many that an index is worth it, and that the database knows so.
    Notification.objects.bulk_create(
        Notification(
            approval_request=asked, channel=("mail", "webhook")[number % 2], event="opened", recipient=f"to-{number}",
            state="sent", urgency=0, created_at=now - timedelta(hours=number), due_at=now, ended_at=now,
        )
        for number in range(1000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as seen:
            queries.overview(within=Reach(True, frozenset()))
            logs.webhooks(within=Reach(True, frozenset()))
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        plans = []
        for query in seen.captured_queries:
            cursor.execute(explain + query["sql"])
            plans.append(" ".join(str(row) for row in cursor.fetchall()))
    used = {name for plan in plans for name in INDEXES if name in plan}
    assert used == INDEXES, "\n".join(plans)
