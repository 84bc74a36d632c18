"""The page of measures in a real browser, with a month behind it and with nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Person
from accounts.roles.contracts import Role
from approvals.contracts import DecisionKind, RequestState
from approvals.models import ApprovalRequest, Decision, Opening
from tests.approvals import factories
from tests.browser.conftest import look

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STATES = ["executed", "executed", "denied", "executed", "expired", "executed", "failed", "withdrawn"]
SECONDS = [1.4, 95.0, 41.0, 230.0, 12.0, 2.1, 64.0]


def a_month(*people: Person) -> None:
    """Let there have been a month of requests, most of them decided by ``people`` in turn."""
    asked = factories.open_request(factories.approver("hedy"))
    facts = {
        field.attname: getattr(asked, field.attname)
        for field in ApprovalRequest._meta.concrete_fields
        if field.attname != "id"
    }
    now = timezone.now()
    for number in range(70):
        at = now - timedelta(days=number * number % 29, minutes=number)
        state = STATES[number % len(STATES)]
        closed = {"state": state, "urgency": None, "closed_at": at, "opened_at": at - timedelta(minutes=5)}
        past = ApprovalRequest.objects.create(**{**facts, **closed, "id": f"past-{number:08}", "expires_at": at})
        if state in (RequestState.EXPIRED, RequestState.WITHDRAWN):
            continue
        person = people[number % len(people)]
        kind = DecisionKind.DENY if state == RequestState.DENIED else DecisionKind.APPROVE
        opened_at = at - timedelta(seconds=SECONDS[number % len(SECONDS)])
        Opening.objects.create(approval_request=past, person=person, opened_at=opened_at)
        Decision.objects.create(
            approval_request=past,
            kind=kind,
            person=person,
            external_id=person.external_id,
            display_name=person.display_name,
            public_key=bytes(32),
            nonce=secrets.token_bytes(16),
            signed=b"",
            reason="Seen.",
            decided_at=at,
            expires_at=None if kind == DecisionKind.DENY else at + timedelta(minutes=5),
        )


def open_measures(context: BrowserContext, person: Person, site: str) -> Page:
    client = Client()
    client.force_login(person)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    page = context.new_page()
    page.goto(f"{site}/measures/")
    return page


def test_an_auditor_sees_a_month_and_everybody(live_server: Any, open_browser: Callable[[], BrowserContext]) -> None:
    names = [("ada", "Ada Lovelace"), ("grace", "Grace Hopper"), ("emmy", "Emmy Noether")]
    a_month(*(factories.person(username, display_name=name) for username, name in names))
    page = open_measures(open_browser(), factories.person("audrey", role=Role.AUDITOR), live_server.url)
    page.get_by_role("link", name="30 days").click()
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    expect(page.locator(".habit-row h3")).to_have_text(
        ["Ada Lovelace local:ada", "Emmy Noether local:emmy", "Grace Hopper local:grace"]
    )
    expect(page.locator(".by-day svg .bar--approved").first).to_be_visible()
    look(page, "measures")
    page.locator("summary").click()
    expect(page.locator("table.days tbody tr")).to_have_count(30)


def test_before_anything_was_asked_the_page_says_what_it_will_show(
    live_server: Any, open_browser: Callable[[], BrowserContext]
) -> None:
    page = open_measures(open_browser(), factories.person("vera", role=Role.VIEWER), live_server.url)
    expect(page.get_by_role("main")).to_contain_text("Nothing to measure yet")
    look(page, "measures-empty")
