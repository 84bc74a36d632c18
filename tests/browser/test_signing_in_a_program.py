"""A person lets a program in, and looks after their tokens, in a real browser on a site that really runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Person
from tests.approvals import factories
from tests.browser.conftest import look

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    cache.clear()
    settings.SITE_ROOT = live_server.url
    return str(live_server.url)


def page_of(context: BrowserContext, person: Person, site: str) -> Page:
    client = Client()
    client.force_login(person)
    cookie = client.cookies["countersign_session"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    return context.pages[0] if context.pages else context.new_page()


def test_ada_lets_her_command_line_in_and_revokes_it_again(
    site: str, open_browser: Callable[[], BrowserContext]
) -> None:
    ada = factories.person("ada", display_name="Ada Lovelace")
    page = page_of(open_browser(), ada, site)
    page.goto(f"{site}/devices/")
    page.get_by_label("Code").fill("BCDF-BCDF")
    page.get_by_role("button", name="Show me what asks").click()
    expect(page.locator("#code-error")).to_contain_text("no program waiting")
    look(page, "device-code")

    begun = httpx.post(f"{site}/devices/", data={"client_name": "Command line of ada on work-laptop"}).json()
    page.get_by_label("Code").fill(begun["user_code"].lower())
    page.get_by_role("button", name="Show me what asks").click()
    expect(page.get_by_role("main")).to_contain_text("Command line of ada on work-laptop")
    look(page, "device")
    page.get_by_role("button", name="Sign it in").click()
    expect(page.get_by_role("heading", name="It is signed in")).to_be_visible()
    look(page, "device-signed-in")
    given = httpx.post(f"{site}/devices/token/", data={"device_code": begun["device_code"]}).json()
    headers = {"Authorization": f"Bearer {given['access_token']}", "Accept": "application/json"}
    assert httpx.get(f"{site}/approvals/", headers=headers).status_code == 200

    page.goto(f"{site}/tokens/")
    page.get_by_label("What it is for").fill("Pager script")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator(".token-text")).to_contain_text("countersign_")
    look(page, "tokens-new")
    page.goto(f"{site}/tokens/")
    look(page, "tokens")
    page.get_by_role("button", name="Revoke Command line of ada on work-laptop").click()
    expect(page.get_by_role("status").first).to_contain_text("is revoked")
    assert httpx.get(f"{site}/approvals/", headers=headers).status_code == 401
