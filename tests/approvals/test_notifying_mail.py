"""Mail through a real server on loopback: what it says, and whatever the server does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from approvals.decisions.services import record
from approvals.live import bus
from approvals.models import ApprovalRequest, Notification
from approvals.notify import outbox
from approvals.notify.contracts import Job, Notice, NotificationEvent, Result
from approvals.notify.mail import transport
from approvals.requests import services as requests
from tests.approvals import factories
from tests.approvals.factories import reachable
from tests.approvals.smtp_server import DRIP, DROP, HANG, SmtpServer, serving, wait
from tests.workers.processes import free_port
from workers import notifier
from workers.database import in_thread
from workers.supervisor import cancel


@pytest.fixture(scope="module")
def server() -> Iterator[SmtpServer]:
    with serving() as running:
        yield running


@pytest.fixture
def smtp(server: SmtpServer, settings: Any) -> SmtpServer:
    server.answers.clear()
    server.mails.clear()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    return server


def job(**changes: Any) -> Job:
    notice = Notice(
        event=NotificationEvent.OPENED,
        request_id="req_00000000000000000000000000000000",
        namespace="payments",
        tool="restart_service",
        agent="incident-agent",
        service="payment-service",
        severity="critical",
        state="open",
        expires_at=timezone.now() + timedelta(minutes=20, seconds=30),
        approvals_given=0,
        approvals_needed=2,
        decided=(),
        can_decide=("Ada", "Grace"),
        url="http://localhost:5050/approvals/req_00000000000000000000000000000000/",
    )
    said = {name: changes.pop(name) for name in list(changes) if name in Notice.__dataclass_fields__}
    plain = Job(7, 7, 1, "mail", "local:ada", "ada@mail.example", replace(notice, **said))
    return replace(plain, **changes)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


# --- What it says -------------------------------------------------------------------------------


def test_a_mail_says_what_is_asked_and_where_in_text_and_in_html(smtp: SmtpServer) -> None:
    assert transport.send(job()).result is Result.SENT
    (mail,) = smtp.mails
    assert (mail["To"], mail["Subject"]) == (
        "ada@mail.example",
        "Approval asked: restart_service for payment-service (critical)",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] == "bulk"
    assert mail["List-Id"].endswith("<approvals.localhost>")
    assert (mail["Message-ID"], mail["References"]) == ("<notification-7@localhost>", None)
    html = text_of(mail, "html")
    for form in (text_of(mail), html):
        for word in (
            "restart_service",
            "incident-agent",
            "0 of 2",
            "20 minutes from now",
            "Ada, Grace",
            "/approvals/req_",
        ):
            assert word in form
    assert 'content="light dark"' in html
    assert not [word for word in ("<img", "<script", "color: #", "background", "src=") if word in html]


def test_what_follows_is_in_the_same_thread(smtp: SmtpServer) -> None:
    transport.send(job())
    transport.send(job(id=9, event=NotificationEvent.EXECUTED, state="executed", can_decide=()))
    asked, ended = smtp.mails
    assert ended["References"] == ended["In-Reply-To"] == asked["Message-ID"]
    assert ended["Message-ID"] != asked["Message-ID"]
    assert ended["Subject"] == f"Re: {asked['Subject']}"
    assert "It is over: the call has run." in text_of(ended)
    assert "from now" not in text_of(ended)


def test_no_text_of_an_agent_makes_a_header_a_line_or_markup(smtp: SmtpServer) -> None:
    evil = "x\r\nBcc: all@mail.example\r\n\r\n<b>\u202ehi</b>" + "y" * 500
    assert transport.send(job(tool=evil, service=evil, agent=evil, severity=evil)).result is Result.SENT
    (mail,) = smtp.mails
    assert mail["Bcc"] is None
    assert "<b>" not in text_of(mail, "html")
    assert "\u202e" not in text_of(mail) + text_of(mail, "html") + mail["Subject"]
    assert max(len(line) for line in text_of(mail).splitlines()) < 260


# --- Whatever the server does -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "said", "result", "is_about_channel"),
    [
        ("RCPT", "550 nobody here", Result.PERMANENT, False),
        ("RCPT", "451 greylisted", Result.TEMPORARY, False),
        ("DATA", "554 no", Result.PERMANENT, False),
        ("END", "452 full", Result.TEMPORARY, False),
        ("END", "554 spam", Result.PERMANENT, False),
        ("MAIL", "553 not you", Result.TEMPORARY, True),
        ("CONNECT", "554 go away", Result.TEMPORARY, True),
        ("CONNECT", DROP, Result.TEMPORARY, True),
        ("END", DROP, Result.UNANSWERED, True),
        ("QUIT", DROP, Result.SENT, False),
        ("QUIT", "500 what", Result.SENT, False),
    ],
)
def test_for_now_for_good_and_not_known_are_told_apart(
    smtp: SmtpServer, command: str, said: str, result: Result, is_about_channel: bool
) -> None:
    smtp.answers[command] = [said]
    answer = transport.send(job())
    assert (answer.result, answer.is_about_channel) == (result, is_about_channel), answer.text
    if said[0] in "45" and result is not Result.SENT:
        assert said in answer.text


@pytest.mark.parametrize(
    ("command", "how", "result"),
    [
        ("CONNECT", HANG, Result.TEMPORARY),
        ("CONNECT", DRIP, Result.TEMPORARY),
        ("END", HANG, Result.UNANSWERED),
        ("END", DRIP, Result.UNANSWERED),
        ("QUIT", DRIP, Result.SENT),
    ],
)
def test_a_server_that_hangs_is_left_in_time(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch, command: str, how: str, result: Result
) -> None:
    monkeypatch.setattr(transport, "SECONDS", 1.5)
    smtp.answers[command] = [how]
    begun = time.monotonic()
    assert transport.send(job()).result is result
    assert time.monotonic() - begun < 10


def test_a_server_that_is_down_is_trouble_for_now(settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    answer = transport.send(job())
    assert (answer.result, answer.is_about_channel) == (Result.TEMPORARY, True)
    assert "refused" in answer.text


@pytest.mark.parametrize("address", ["no address", "a@b\r\nBcc: c@d", "@", "ä ö@x"])
def test_what_is_no_address_fails_for_good(smtp: SmtpServer, address: str) -> None:
    smtp.answers["RCPT"] = ["501 bad address"]
    assert transport.send(job(address=address)).result is Result.PERMANENT
    assert smtp.mails == []


# --- The notifier -------------------------------------------------------------------------------


@asynccontextmanager
async def notifying(**options: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(notifier.keep_notifying(**{"poll_seconds": 0.05, "look_seconds": 0.05, **options}))
    try:
        yield
    finally:
        await cancel(task)
        await bus.stop()
        await sync_to_async(connections.close_all)()


def states() -> list[str]:
    return sorted(Notification.objects.values_list("state", flat=True))


async def until(is_so: Any) -> None:
    await in_thread(wait, is_so)


@pytest.mark.django_db(transaction=True)
async def test_from_the_request_to_the_mailbox_and_to_the_end(smtp: SmtpServer) -> None:
    ada = await in_thread(lambda: reachable(factories.approver("ada")))
    async with notifying():
        asked = await in_thread(lambda: factories.open_request(ada))
        await asyncio.to_thread(smtp.until, 1)
        await in_thread(lambda: record(person=ada.person, request_id=asked.pk, denial=ada.sign_denial(asked)))
        await asyncio.to_thread(smtp.until, 2)
        await until(lambda: states() == ["sent", "sent"])
    assert "denied" in text_of(smtp.mails[1])
    assert "The restart would drop payments" not in str(smtp.mails[1]), "a reason is content"


@pytest.mark.django_db(transaction=True)
async def test_a_server_in_trouble_holds_up_no_request_and_gets_every_mail_in_the_end(
    smtp: SmtpServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(transport, "SECONDS", 2.0)
    smtp.answers = {"CONNECT": [HANG], "RCPT": ["451 later", "550 nobody"], "END": ["452 full"]}
    team = await in_thread(lambda: [reachable(factories.approver(name)) for name in ("ada", "grace", "linus")])
    async with notifying():
        begun = time.monotonic()
        await in_thread(lambda: factories.open_request(*team))
        assert time.monotonic() - begun < 2.0, "opening waits for no mail server"
        await asyncio.to_thread(smtp.until, 2)
        await until(lambda: states() == ["failed", "sent", "sent"])
    assert len(smtp.mails) == 2


@pytest.mark.django_db(transaction=True)
async def test_a_notifier_that_is_told_to_stop_writes_down_what_has_left(smtp: SmtpServer) -> None:
    ada = await in_thread(lambda: reachable(factories.approver("ada")))
    await in_thread(lambda: factories.open_request(ada))
    async with notifying():
        await asyncio.to_thread(smtp.until, 1)
    assert await in_thread(states) == ["sent"]


@pytest.mark.django_db(transaction=True)
async def test_a_critical_request_that_one_way_alone_has_told_of_is_warned_of_once(
    smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notifier, "TOLD_WITHIN", timedelta(0))
    ada = await in_thread(lambda: reachable(factories.approver("ada")))

    def said() -> list[str]:
        return [record.message for record in caplog.records if "reached people in" in record.message]

    async with notifying():
        asked = await in_thread(lambda: factories.open_request(ada))
        # As a warrant of this service would have made it.
        later = timezone.now() + timedelta(seconds=0.2)
        change = {"severity": "critical", "opened_at": later}
        await in_thread(lambda: ApprovalRequest.objects.filter(pk=asked.pk).update(**change))
        await asyncio.to_thread(smtp.until, 1)
        await until(lambda: said() != [])
        await asyncio.sleep(0.2)  # several more looks
    assert said() == [f"Critical request {asked.pk} reached people in 1 of 2 ways."]


@pytest.mark.django_db
def test_a_withdrawn_request_is_mailed_about_without_its_reason(smtp: SmtpServer) -> None:
    ada = reachable(factories.approver("ada"))
    asked = factories.open_request(ada, reasoning="CANARY-reasoning", gate_message="CANARY-message")
    for _ in range(2):
        Notification.objects.update(due_at=timezone.now())
        claimed = outbox.claim(channel="mail")
        assert claimed is not None
        outbox.answered(job=claimed, answer=transport.send(claimed))
        requests.withdraw(request_id=asked.pk, reason="CANARY-reason")
    assert len(smtp.mails) == 2
    assert "CANARY" not in "".join(map(str, smtp.mails))
    assert factories.ARGUMENTS["service"] not in "".join(map(str, smtp.mails))
