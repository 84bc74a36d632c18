"""A security administrator mints a warrant on the page, with the keyboard alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, expect

from accounts.roles.contracts import Role
from tests.browser.conftest import look
from tests.people import person
from tests.warrants.conftest import approver_key
from warrants.agents.services import ensure_agent
from warrants.models import Warrant

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


def test_a_warrant_is_minted_on_the_page(
    live_server: Any, settings: Any, open_profile: Callable[[], BrowserContext], client: Client
) -> None:
    settings.SITE_ROOT = live_server.url
    ensure_agent(name="incident-agent")
    approver_key("ada")
    client.force_login(person("olga", Role.SECURITY_ADMINISTRATOR))
    context = open_profile()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/policies/")
    page.get_by_role("link", name="Mint a warrant").click()
    page.get_by_label("Policy").select_option("incident-response")
    page.get_by_label("Severity").select_option("critical")
    page.get_by_label("Incident").fill("P1042")
    page.keyboard.press("Tab")
    page.keyboard.type("High error rate on payment-service-prod")
    page.keyboard.press("Tab")
    page.keyboard.type("payment-service-prod")
    look(page, "mint")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The warrant is minted")
    warrant = Warrant.objects.get()
    expect(page.get_by_role("status")).to_contain_text(warrant.id)
    look(page, "minted")
    page.get_by_label("Incident").fill("P1042")
    page.get_by_label("Title").fill("High error rate")
    page.get_by_label("Service").fill("payment-service-prod")
    page.get_by_label("Policy").select_option("payments")
    page.get_by_role("button", name="Mint").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was minted")
    look(page, "not-minted")
    assert Warrant.objects.count() == 1
