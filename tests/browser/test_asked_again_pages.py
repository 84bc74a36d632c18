"""The pages of a request that expired with its approval, and of the one that took over, in a real browser."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from approvals.decisions.services import record
from approvals.models import Decision
from approvals.requests import services
from tests.approvals import factories
from tests.browser.conftest import look

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SITE_ROOT = live_server.url
    return str(live_server.url)


def test_the_two_pages_lead_to_each_other_and_say_why(
    site: str, open_browser: Callable[[], BrowserContext], client: Client
) -> None:
    ada, grace = factories.approver("ada"), factories.approver("grace")
    asked = factories.gate_request(factories.mint(ada, grace, min_approvals=1))
    before = services.open(gate_request=asked)
    record(person=ada.person, request_id=before.pk, approval=ada.sign_approval(before))
    gone = timezone.now() - timedelta(minutes=21)
    Decision.objects.update(decided_at=gone, expires_at=gone + timedelta(minutes=15))
    why = "The approval of local:ada expired before a worker was there, at 2026-11-26 14:20:03 UTC."
    services.open(
        gate_request=dataclasses.replace(asked, request_id="apr_asked_again", supersedes=before.pk, why_again=why)
    )
    page = signed_in(site, open_browser(), client, grace)

    page.goto(f"{site}/approvals/")
    expect(page.locator(".card-again")).to_have_text("Asked again")
    look(page, "queue-asked-again")
    page.locator(".card-title a").click()
    expect(page.locator(".asked-again")).to_contain_text("before a worker could run the call. Nothing ran.")
    look(page, "request-asked-again")

    page.get_by_role("link", name="The request before").click()
    expect(page.locator("#standing")).to_contain_text("Asked again, not run")
    look(page, "request-superseded")
    page.get_by_role("link", name="The request that took over from this one").click()
    expect(page.locator(".asked-again")).to_be_visible()


def test_an_approval_that_ran_out_before_the_others_signed_is_said(
    site: str, open_browser: Callable[[], BrowserContext], client: Client
) -> None:
    ada, grace = factories.approver("ada"), factories.approver("grace")
    waiting = factories.open_request(ada, grace, min_approvals=2)
    record(person=ada.person, request_id=waiting.pk, approval=ada.sign_approval(waiting))
    Decision.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = signed_in(site, open_browser(), client, grace)
    page.goto(f"{site}/approvals/{waiting.pk}/")
    expect(page.locator("#so-far")).to_contain_text("0 of 2 approvals so far")
    expect(page.locator("#so-far")).to_contain_text("no longer counts")
    look(page, "request-approval-lapsed")


def signed_in(site: str, context: BrowserContext, client: Client, who: factories.Approver) -> Page:
    client.force_login(who.person)
    context.add_cookies([{"name": name, "value": cookie.value, "url": site} for name, cookie in client.cookies.items()])
    return context.new_page()
