"""A request of an agent that works for somebody: both identities, from the warrant and not from the server's word."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, expect

from approvals.models import ApprovalRequest
from audit.statements.acting import EXTENSION, Acting
from audit.statements.terms import Terms
from tests.approvals import factories
from tests.browser.conftest import look

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
GRACE = Acting("incident-agent", "local:grace")


def test_the_page_shows_agent_and_person_as_the_warrant_says(
    open_browser: Callable[[], BrowserContext], live_server: Any
) -> None:
    ada = factories.approver("ada")
    asked = factories.open_request(
        ada, terms=Terms(barred_people=(GRACE.person,)), extensions={EXTENSION: GRACE.to_bytes()}
    )
    # The database may lie; what is signed cannot.
    ApprovalRequest.objects.filter(pk=asked.pk).update(agent="incident-agent", acting_for="local:mallory")
    client = Client()
    client.force_login(ada.person)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context = open_browser()
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/approvals/{asked.pk}/")
    part = page.locator("[data-part='acting']")
    expect(part).to_contain_text("Agent incident-agent for local:grace.")
    expect(part).to_contain_text("not verified by this browser")
    expect(part).not_to_contain_text("mallory")
    page.get_by_text("The warrant in full").click()
    expect(page.locator("[data-part='warrant']")).to_contain_text("incident-agent for local:grace")
    look(page, "request-for-a-person")
    ApprovalRequest.objects.filter(pk=asked.pk).update(acting_for="local:grace")
    page.goto(f"{live_server.url}/approvals/")
    expect(page.locator(".card-foot")).to_contain_text("incident-agent for local:grace")
    look(page, "queue-for-a-person")
