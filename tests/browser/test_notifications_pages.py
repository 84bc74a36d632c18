"""How one is told, who was told of a request, and what could not be told, in a real browser."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.models import ApprovalRequest, ChannelTrouble, MutedChannel, Notification, QuietHours, StoppedWebhook
from approvals.notify import outbox
from approvals.notify.contracts import Answer, Result
from tests import people, webhook_receiver
from tests.approvals import factories
from tests.approvals.factories import reachable
from tests.browser.conftest import look

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def open_as(live_server: Any, settings: Any, open_browser: Callable[[], BrowserContext]) -> Callable[[Person], Page]:
    settings.SITE_ROOT, settings.EMAIL_HOST = live_server.url, "mail.example"

    def open_it(person: Person) -> Page:
        client = Client()
        client.force_login(person)
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        context = open_browser()
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page: Page = context.new_page()
        page.goto(f"{live_server.url}/approvals/")
        return page

    return open_it


def test_a_person_says_with_the_keyboard_how_they_are_told(open_as: Callable[[Person], Page]) -> None:
    ada = reachable(factories.approver("ada")).person
    page = open_as(ada)
    page.get_by_role("link", name="Notifications", exact=True).click()
    channel = page.get_by_role("checkbox", name="E-mail")
    expect(channel).to_be_checked()
    expect(channel).to_have_accessible_description("to ada@mail.example")
    channel.focus()
    page.keyboard.press("Space")
    page.get_by_label("From", exact=True).fill("22:00")
    page.get_by_label("To", exact=True).fill("07:00")
    zone = page.get_by_label("Time zone")
    zone.fill("Mars/Olympus")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no time zone by that name here.")).to_be_visible()
    look(page, "told-refused")
    expect(page.get_by_label("From", exact=True)).to_have_value("22:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You are told like this from now on.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="E-mail")).not_to_be_checked()
    look(page, "told-own")
    assert MutedChannel.objects.filter(person=ada, channel="mail").exists()
    assert QuietHours.objects.get(person=ada).time_zone == "Europe/Berlin"


def test_a_request_says_who_was_told_and_operators_see_what_failed(
    live_server: Any, open_as: Callable[[Person], Page]
) -> None:
    team = [reachable(factories.approver(name)) for name in ("ada", "grace", "linus")]
    asked = factories.open_request(*team)
    for result, said in (
        (Result.SENT, ""),
        (Result.PERMANENT, "550 5.1.1 no such user here"),
        (Result.TEMPORARY, "451 4.7.1 greylisted, try again later"),
    ):
        job = outbox.claim(channel="mail")
        assert job is not None
        outbox.answered(job=job, answer=Answer(result, said))
    ApprovalRequest.objects.update(severity="critical", opened_at=timezone.now() - timedelta(minutes=2))
    sam = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    sam.goto(f"{live_server.url}/approvals/{asked.pk}/")
    told = sam.locator("#told")
    expect(told).to_contain_text("in one way only")
    expect(told).to_contain_text("1 of 3 people were asked")
    told.get_by_text("Who, how, when").click()
    expect(told).to_contain_text("550 5.1.1 no such user here")
    look(sam, "told-request")
    sam.get_by_role("link", name="Notifications", exact=True).click()
    sam.get_by_role("link", name="What could not be told").click()
    expect(sam.get_by_text("tells people by e-mail")).to_be_visible()
    expect(sam.get_by_role("region", name="Failed for good")).to_contain_text("Grace")
    expect(sam.get_by_role("region", name="Late, and still tried")).to_contain_text("451 4.7.1")
    look(sam, "told-log")


def test_operators_test_a_receiver_that_is_gone_and_send_again_what_it_missed(
    live_server: Any, settings: Any, open_as: Callable[[Person], Page]
) -> None:
    with webhook_receiver.serving() as receiver:
        settings.WEBHOOKS = json.dumps([receiver.entry(), receiver.entry(name="pager", namespaces=["billing"])])
        factories.open_request(factories.approver("ada"))
        job = outbox.claim(channel="webhook")
        assert job is not None
        outbox.answered(job=job, answer=Answer(Result.PERMANENT, "The receiver is gone (410)."))
        StoppedWebhook.objects.create(name="board", since=timezone.now())
        sam = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
        sam.goto(f"{live_server.url}/notifications/log/")
        expect(sam.get_by_role("region", name="Webhooks", exact=True)).to_contain_text("Gone since")
        look(sam, "told-webhooks")
        sam.get_by_role("button", name="Send a test to board").click()
        expect(sam.get_by_text("Test of board: Taken: 204.")).to_be_visible()
        expect(sam.get_by_text("Gone since")).to_have_count(0)
        sam.get_by_role("button", name="Send again: “opened” of restart_service to Webhook board").click()
        expect(sam.get_by_role("region", name="Webhooks sent")).to_contain_text("Tried, and again from")
        assert outbox.claim(channel="webhook") is not None


def test_operators_see_which_channel_is_in_trouble_and_that_nobody_sends(
    open_as: Callable[[Person], Page], live_server: Any, settings: Any
) -> None:
    settings.WEBHOOKS = json.dumps([webhook_receiver.entry("https://board.example/hook", name="board")])
    ada = reachable(factories.approver("ada"))
    for _ in range(12):
        factories.open_request(ada)
    five_minutes_ago = timezone.now() - timedelta(minutes=5)
    Notification.objects.update(due_at=five_minutes_ago)
    ChannelTrouble.objects.create(
        channel="webhook", place="board", since=five_minutes_ago, tried_at=timezone.now(),
        answer="The receiver is in trouble (503).",
    )  # fmt: skip
    sam = open_as(people.person("sam", Role.SECURITY_ADMINISTRATOR))
    sam.goto(f"{live_server.url}/notifications/log/")
    expect(sam.get_by_text("Nobody sends: 12 notifications are due")).to_be_visible()
    expect(sam.get_by_text("Trouble with webhook board since")).to_be_visible()
    look(sam, "told-trouble")
