"""Taking warrants back in a real browser: one, many, a namespace, and which workers know."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.roles.contracts import Role
from tests.browser.conftest import look
from tests.people import person
from tests.warrants.conftest import INCIDENT, approver_key
from warrants.agents.services import ensure_agent
from warrants.minting.services import mint
from warrants.models import ListConfirmation
from warrants.revocation.confirming import confirm
from warrants.revocation.contracts import Held

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def some_warrants() -> list[str]:
    """Mint three warrants; return their incidents' chains."""
    key = approver_key("ada")
    return [
        mint(
            policy="incident-response",
            incident=replace(INCIDENT, id=f"P10{number}", namespace=namespace),
            agent=ensure_agent(name=agent),
            approvers=[key],
        ).id
        for number, (agent, namespace) in enumerate(
            [("incident-agent", "payments"), ("incident-agent", "finance-ai-prd"), ("night-agent", "payments")]
        )
    ]


def arrive(live_server: Any, open_browser: Callable[[], BrowserContext], role: Role) -> Page:
    client, context = Client(), open_browser()
    client.force_login(person("olga", role))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    return context.new_page()


def test_an_administrator_stops_a_run_an_agent_and_a_namespace(
    live_server: Any, open_browser: Callable[[], BrowserContext]
) -> None:
    chain = some_warrants()[0]
    quick, slow = Held("web-1-5f2a77c0d1e2", "payments", 0), Held("web-2-99ab10cd33ef", "finance-ai-prd", 0)
    confirm([quick, slow])
    page = arrive(live_server, open_browser, Role.SECURITY_ADMINISTRATOR)
    page.goto(f"{live_server.url}/warrants/")
    expect(page.locator(".warrant")).to_have_count(3)
    expect(page.locator("time-left").first).to_contain_text("left")
    # With the keyboard alone.
    page.locator(".revoke summary").first.focus()
    page.keyboard.press("Enter")
    look(page, "warrants")

    page.goto(f"{live_server.url}/incidents/{chain}/")
    page.get_by_text("Stop this run").click()
    look(page, "incident-stop")
    page.get_by_label("Why; this is recorded").fill("The agent went astray.")
    page.get_by_role("button", name="Revoke this warrant").click()
    expect(page.get_by_text("1 warrant revoked.")).to_be_visible()
    expect(page.locator(".worker").first).to_contain_text("No list")
    confirm([replace(quick, version=1)])
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()  # without a reload
    expect(page.get_by_text("Not confirmed", exact=True)).to_be_visible()

    page.get_by_text("Revoke many at once").click()
    page.get_by_label("an agent").check()
    page.get_by_label("Its name").fill("night-agent")
    page.get_by_label("Why; this is recorded").fill("It reads what it should not.")
    page.get_by_role("button", name="Revoke them all").click()
    expect(page.locator(".act")).to_have_count(2)
    page.get_by_text("Revoke many at once").click()
    page.get_by_label("a namespace").check()
    page.get_by_label("Its name").fill("finance-ai-prd")
    page.get_by_label("Why; this is recorded").fill("Until we know what happened.")
    page.get_by_role("button", name="Revoke them all").click()
    expect(page.get_by_text("finance-ai-prd is stopped")).to_be_visible()
    confirm([replace(quick, version=3)])
    ListConfirmation.objects.filter(worker=slow.worker).update(seen_at=timezone.now() - timedelta(minutes=4))
    page.get_by_text("Revoke many at once").click()
    page.locator(".act summary").first.click()
    look(page, "revocations")
    page.get_by_role("button", name="Let warrants be minted for finance-ai-prd again").click()
    expect(page.get_by_text("Warrants are minted for finance-ai-prd again.")).to_be_visible()
    page.goto(f"{live_server.url}/warrants/")
    expect(page.get_by_text("No agent may do anything now")).to_be_visible()
