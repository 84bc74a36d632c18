"""Messages in Slack, through a Slack on loopback that checks them: what they say, and whatever Slack does."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Person
from approvals.contracts import Outcome
from approvals.decisions.services import record
from approvals.models import (
    ApprovalRequest,
    ChannelTrouble,
    Delivery,
    Notification,
    NotificationAttempt,
    SlackPerson,
)
from approvals.notify import outbox
from approvals.notify.contracts import Answer, Job, NotificationEvent, Result
from approvals.notify.queries import told as told_of
from approvals.notify.services import note_stuck
from approvals.notify.slack import client, transport, wording
from approvals.requests import services as requests
from approvals.retractions.services import retract
from audit.statements.terms import Terms
from tests import slack
from tests.approvals import factories
from tests.approvals.factories import Approver, reachable
from tests.approvals.test_notifying_mail import job as mail_job
from tests.approvals.test_notifying_mail import notifying, states, until
from tests.slack import CHANNEL, FakeSlack
from tests.workers.processes import free_port
from workers import notifier
from workers.database import in_thread

HTML = b"<html>503 the proxy says hello</html>"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeSlack]:
    with slack.serving() as running:
        yield running


@pytest.fixture
def workspace(server: FakeSlack, settings: Any) -> FakeSlack:
    server.reset()
    server.people.update({"ada@mail.example": "U0ADA", "grace@mail.example": "U0GRACE"})
    set_up(settings, server)
    return server


def set_up(settings: Any, server: FakeSlack) -> None:
    settings.SLACK_BOT_TOKEN, settings.SLACK_SIGNING_SECRET = slack.TOKEN, slack.SECRET
    settings.SLACK_TEAM_ID, settings.SLACK_API_URL = slack.TEAM, server.api
    settings.SLACK_CHANNEL = CHANNEL


def claim() -> Job | None:
    Notification.objects.filter(state="waiting").update(due_at=timezone.now())
    return outbox.claim(channel="slack")


def send_all() -> list[Answer]:
    """Send everything that waits; return what came of it."""
    answers = []
    while (job := claim()) is not None:
        answers.append(transport.send(job))
        outbox.answered(job=job, answer=answers[-1])
    return answers


def close(asked: ApprovalRequest, status: str) -> None:
    requests.close(outcome=Outcome(asked.pk, status, 1_790_000_000_000))


def approve(approver: Approver, asked: ApprovalRequest) -> None:
    record(person=approver.person, request_id=asked.pk, approval=approver.sign_approval(asked))


# --- From the request to the end ----------------------------------------------------------------


def test_the_channel_and_those_who_can_decide_see_one_message_that_follows(
    workspace: FakeSlack, ada: Approver, grace: Approver
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    ApprovalRequest.objects.update(severity="critical", service="payments", agent="sre-bot")
    send_all()
    assert sorted(message.channel for message in workspace.messages) == [CHANNEL, "D0ADA", "D0GRACE"]
    (told,) = workspace.to(CHANNEL)
    for word in ("Approval asked", "`restart_service`", "`sre-bot`", "`payments`", "`critical`", "0 of 2"):
        assert word in told.shown
    assert "`Ada`, `Grace`" in told.shown
    assert "minutes from when this was written" in told.shown
    assert told.link == f"http://localhost:5050/approvals/{asked.pk}/"
    assert "`restart_service` for `payments`" in told.text

    seen = told_of(asked.pk, is_open=True, severity_rank=0, opened_at=asked.opened_at, shows_addresses=False)
    assert (seen.asked, seen.meant, len(seen.lines)) == (2, 2, 3), "a channel is no person who was asked"

    approve(ada, asked)
    send_all()
    for message in workspace.messages:
        assert "Approval asked: 1 of 2" in message.shown
        assert "*Approved by* `Ada` at <!date^" in message.shown
        assert len(message.replies) == 1
        assert "1 of 2 have approved" in message.replies[0]
    assert "*Who can decide* `Grace`\n" in told.shown

    approve(grace, asked)
    Delivery.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    note_stuck(limit=10)
    send_all()
    assert "Approved, and stuck" in told.shown
    close(asked, "executed")
    send_all()
    assert len(workspace.messages) == 3, "nobody is sent a second message"
    for message in workspace.messages:
        assert "Approved, and it has run" in message.shown
        assert "`Grace`" in message.shown
        assert "Who can decide" not in message.shown
        assert message.replies[-1].startswith("It is over: the call was approved and has run.")


def test_an_approval_that_is_taken_back_changes_the_message_back(
    workspace: FakeSlack, ada: Approver, grace: Approver
) -> None:
    asked = factories.open_request(ada, grace, min_approvals=2)
    send_all()
    given = ada.sign_approval(asked)
    record(person=ada.person, request_id=asked.pk, approval=given)
    send_all()
    retract(person=ada.person, request_id=asked.pk, retraction=ada.sign_retraction(asked, given))
    send_all()
    assert len(workspace.messages) == 3
    for message in workspace.messages:
        assert "Approval asked: 0 of 2" in message.shown
        assert "Approved by" not in message.shown
        assert "`Ada`, `Grace`" in message.shown
        assert "1 of 2 have approved" in message.replies[0]
        assert message.replies[1].startswith("An approval no longer counts: it was taken back")


@pytest.mark.parametrize("end", ["denied", "expired", "withdrawn", "failed", "superseded"])
def test_everybody_who_was_asked_learns_that_it_is_over(
    workspace: FakeSlack, ada: Approver, grace: Approver, end: str
) -> None:
    minted = factories.mint(ada, grace)
    asked = requests.open(gate_request=factories.gate_request(minted, run_id="run-1"))
    send_all()
    if end == "denied":
        record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked))
    elif end == "superseded":
        again = factories.gate_request(minted, run_id="run-1", supersedes=asked.pk, why_again="Late.")
        requests.open(gate_request=again)
    else:
        if end == "failed":
            approve(ada, asked)
        close(asked, end)
    first = workspace.messages[:3]
    send_all()
    for message in first:
        assert len(message.edits) == 1
        assert message.replies[-1].startswith("It is over")
        assert message.shown.splitlines()[0] == wording._HEADERS[NotificationEvent(end)]
        assert "drop payments" not in message.shown, "a reason is content"


def test_a_policy_has_its_channel_then_its_namespace_then_all_others(
    workspace: FakeSlack, ada: Approver, settings: Any
) -> None:
    settings.SLACK_CHANNELS = {"careful": "C0CAREFUL", "default": "C0NAMESPACE"}
    factories.open_request(ada, terms=Terms(policy="careful", policy_version=1))
    factories.open_request(ada)
    settings.SLACK_CHANNELS = {}
    factories.open_request(ada)
    settings.SLACK_CHANNEL = ""
    factories.open_request(ada)
    send_all()
    channels = [message.channel for message in workspace.messages if message.channel.startswith("C")]
    assert sorted(channels) == ["C0CAREFUL", "C0NAMESPACE", CHANNEL]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "evil",
    [
        "<!channel> <@U0ADA> <#C0PAYMENTS> <https://evil.example|Approve> & &lt;!here&gt;",
        "`*bold*` _it_ ~no~ :smile: ```x```",
        "https://evil.example/approve @channel #general\r\n> quote\u202e",
        "x" * 5000,
        "`",
        " \u2028 ",
    ],
)
def test_no_text_of_others_mentions_links_formats_or_is_too_long(workspace: FakeSlack, evil: str) -> None:
    many = tuple(f"{evil[:150]} {number}" for number in range(40))
    said = dict.fromkeys(("tool", "service", "agent", "severity", "namespace"), evil)
    answer = transport.send(mail_job(**said, can_decide=many, address=CHANNEL, channel="slack"))
    assert answer.result is Result.SENT
    (told,) = workspace.messages
    assert "\u202e" not in told.shown
    assert len(json.dumps(told.blocks)) < 12_000


# --- People -------------------------------------------------------------------------------------


def lookups(workspace: FakeSlack) -> int:
    return sum(method == "users.lookupByEmail" for method, _ in workspace.calls)


def test_an_account_is_found_once_and_found_anew_when_it_no_longer_works(workspace: FakeSlack, ada: Approver) -> None:
    for _ in range(2):
        factories.open_request(ada)
        send_all()
    assert lookups(workspace) == 1
    workspace.people["ada@mail.example"] = "U0NEW"
    factories.open_request(ada)
    send_all()
    assert len(workspace.to("D0NEW")) == 1
    assert SlackPerson.objects.get().slack_id == "U0NEW"
    Person.objects.update(email="countess@mail.example")
    workspace.people["countess@mail.example"] = "U0COUNTESS"
    factories.open_request(ada)
    send_all()
    assert len(workspace.to("D0COUNTESS")) == 1


def test_a_person_without_slack_fails_for_good_and_the_others_are_told(
    workspace: FakeSlack, ada: Approver, grace: Approver
) -> None:
    del workspace.people["grace@mail.example"]
    factories.open_request(ada, grace)
    send_all()
    failed = Notification.objects.get(state="failed")
    assert (failed.recipient, failed.tries.get().answer) == ("local:grace", transport._NOBODY)
    assert len(workspace.messages) == 2


@pytest.mark.parametrize("strange", [{"deleted": True}, {"is_bot": True}, {"team_id": "T0OTHER"}, {"id": 5}])
def test_an_account_that_is_nobodys_of_ours_is_not_written_to(
    workspace: FakeSlack, ada: Approver, strange: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"ok": True, "user": slack.account("U0ADA", "ada@mail.example", **strange)}
    monkeypatch.setattr(FakeSlack, "_users_lookupByEmail", lambda self, sent: found)
    factories.open_request(ada)
    send_all()
    assert [message.channel for message in workspace.messages] == [CHANNEL]


def test_an_address_that_two_people_have_reaches_neither(workspace: FakeSlack, ada: Approver, grace: Approver) -> None:
    Person.objects.update(email="Ada@mail.example")
    factories.open_request(ada, grace)
    send_all()
    assert [message.channel for message in workspace.messages] == [CHANNEL]


def test_who_could_not_be_looked_up_was_surely_not_asked(workspace: FakeSlack, ada: Approver, settings: Any) -> None:
    settings.SLACK_CHANNEL = ""
    workspace.answers["users.lookupByEmail"] = [(503, {}, b""), slack.DROP]
    asked = factories.open_request(ada)
    for _ in range(2):
        job = claim()
        assert job is not None
        outbox.answered(job=job, answer=transport.send(job))
    assert set(NotificationAttempt.objects.values_list("result", flat=True)) == {Result.TEMPORARY}
    close(asked, "withdrawn")
    assert send_all() == []


# --- Whatever Slack does ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "result", "is_about_channel"),
    [
        ("invalid_auth", Result.PERMANENT, True),
        ("account_inactive", Result.PERMANENT, True),
        ("token_revoked", Result.PERMANENT, True),
        ("missing_scope", Result.PERMANENT, True),
        ("channel_not_found", Result.PERMANENT, False),
        ("not_in_channel", Result.PERMANENT, False),
        ("is_archived", Result.PERMANENT, False),
        ("ratelimited", Result.TEMPORARY, True),
        ((429, {"Retry_After": "37"}, b'{"ok":false,"error":"ratelimited"}'), Result.TEMPORARY, True),
        ((429, {"Retry_After": "nan"}, b""), Result.TEMPORARY, True),
        ((500, {}, HTML), Result.UNANSWERED, True),
        ((503, {}, b""), Result.UNANSWERED, True),
        ("internal_error", Result.UNANSWERED, True),
        ((200, {}, HTML), Result.UNANSWERED, True),
        ((200, {}, b"[" * 5000), Result.UNANSWERED, True),
        ((200, {}, b"[]"), Result.UNANSWERED, True),
        ((200, {}, b'{"ok": false, "error": "xoxb-1234 <b>"}'), Result.UNANSWERED, True),
        ((200, {}, b" " * (client.MAXIMUM_ANSWER + 1)), Result.UNANSWERED, True),
        ((200, {}, b"\xff\xfe"), Result.UNANSWERED, True),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), Result.UNANSWERED, True),
        (slack.DROP, Result.UNANSWERED, True),
        (slack.HANG, Result.UNANSWERED, True),
        (slack.DRIP, Result.UNANSWERED, True),
    ],
)
@pytest.mark.django_db
def test_for_now_for_good_and_not_known_are_told_apart(
    workspace: FakeSlack,
    said: Any,
    result: Result,
    is_about_channel: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if said in (slack.HANG, slack.DRIP):
        monkeypatch.setattr(client, "SECONDS", 1.5)
    caplog.set_level(logging.DEBUG)
    workspace.answers["chat.postMessage"] = [said]
    begun = time.monotonic()
    answer = transport.send(mail_job(address=CHANNEL, channel="slack"))
    assert (answer.result, answer.is_about_channel) == (result, is_about_channel), answer.text
    assert time.monotonic() - begun < 8
    assert answer.retry_after == (37 if isinstance(said, tuple) and "37" in said[1].values() else 0)
    for secret in (slack.TOKEN, slack.SECRET, "xoxb-1234"):
        assert secret not in answer.text + caplog.text
    assert transport.send(mail_job(address=CHANNEL, channel="slack")).result is Result.SENT


@pytest.mark.django_db
def test_a_slack_that_is_away_is_trouble_for_now(workspace: FakeSlack, settings: Any) -> None:
    settings.SLACK_API_URL = f"http://127.0.0.1:{free_port()}/api/"
    answer = transport.send(mail_job(address=CHANNEL, channel="slack"))
    assert (answer.result, answer.is_about_channel) == (Result.TEMPORARY, True)


def test_a_lost_answer_makes_one_more_message_and_the_newest_is_changed(workspace: FakeSlack, ada: Approver) -> None:
    workspace.answers["chat.postMessage"] = ["then drop"]
    asked = factories.open_request(ada)
    results = sorted(answer.result for answer in send_all())
    assert results == [Result.SENT, Result.SENT, Result.UNANSWERED]
    assert len(workspace.messages) == 3
    close(asked, "withdrawn")
    send_all()
    assert sum("Withdrawn" in message.shown for message in workspace.messages) == 2


def test_a_change_that_is_tried_again_changes_the_same_message(workspace: FakeSlack, ada: Approver) -> None:
    asked = factories.open_request(ada)
    send_all()
    close(asked, "withdrawn")
    workspace.answers["chat.update"] = ["then drop", "then drop"]
    send_all()
    assert len(workspace.messages) == 2
    for message in workspace.messages:
        assert len(message.replies) == 1


def test_a_message_that_somebody_deleted_is_said_anew(workspace: FakeSlack, ada: Approver) -> None:
    asked = factories.open_request(ada)
    send_all()
    workspace.messages.clear()
    close(asked, "withdrawn")
    send_all()
    assert [message.shown.splitlines()[0] for message in workspace.messages] == [
        "Withdrawn: the workflow no longer asks"
    ] * 2
    assert {message.channel for message in workspace.messages} == {CHANNEL, "D0ADA"}


# --- The notifier -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_an_outage_and_a_storm_hold_up_nobody_and_lose_nothing(
    workspace: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(client, "SECONDS", 3.0)
    storm = [(429, {"Retry_After": "0.1"}, b"")] * 4
    workspace.answers["*"] = [slack.HANG, (503, {}, b""), *storm]
    team = await in_thread(lambda: [reachable(factories.approver(name)) for name in ("ada", "grace")])
    async with notifying():
        begun = time.monotonic()
        await in_thread(lambda: factories.open_request(*team))
        assert time.monotonic() - begun < 2.5, "opening waits for no Slack"
        await until(lambda: states() == ["sent", "sent", "sent"])
    assert len(workspace.messages) == 3


@pytest.mark.django_db(transaction=True)
async def test_slack_is_left_alone_for_as_long_as_it_asks(
    workspace: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_PAUSE_SECONDS", 0.01)
    workspace.answers["chat.postMessage"] = [(429, {"Retry_After": "1.2"}, b"")]
    ada = await in_thread(lambda: reachable(factories.approver("ada")))
    async with notifying():
        await in_thread(lambda: factories.open_request(ada))
        await asyncio.to_thread(workspace.until, lambda: workspace.calls)
        asked = time.monotonic()
        await asyncio.to_thread(workspace.until, lambda: workspace.messages)
        assert time.monotonic() - asked > 1.1


@pytest.mark.django_db(transaction=True)
async def test_a_revoked_token_fails_visibly_and_other_channels_go_on(workspace: FakeSlack, settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    settings.SLACK_CHANNEL = ""
    workspace.answers["users.lookupByEmail"] = ["token_revoked"]
    ada = await in_thread(lambda: reachable(factories.approver("ada")))
    async with notifying():
        await in_thread(lambda: factories.open_request(ada))
        await until(lambda: states() == ["failed", "waiting"])
        await until(lambda: NotificationAttempt.objects.filter(notification__channel="mail").exists())
    refused = await in_thread(lambda: ChannelTrouble.objects.get(channel="slack"))
    assert "token_revoked" in refused.answer
    assert notifier.LONGEST_CHANNEL_PAUSE <= 60
