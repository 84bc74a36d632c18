"""A root is rotated in a real browser, step by step."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from accounts.roles.contracts import Role
from tests.browser.conftest import look
from tests.browser.test_revoking_pages import arrive, some_warrants
from warrants.models import Warrant
from warrants.revocation.confirming import confirm
from warrants.revocation.contracts import Held

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_administrator_rotates_the_root_and_sees_before_what_would_break(
    live_server: Any, open_browser: Callable[[], BrowserContext]
) -> None:
    some_warrants()
    quick, slow = Held("web-1-5f2a77c0d1e2", "payments", 0), Held("web-2-99ab10cd33ef", "finance-ai-prd", 0)
    confirm([quick, slow])
    page = arrive(live_server, open_browser, Role.SECURITY_ADMINISTRATOR)
    page.goto(f"{live_server.url}/warrants/")
    page.get_by_role("link", name="Issuers").click()
    expect(page.locator(".warrant")).to_have_count(1)
    look(page, "issuers-before")
    # With the keyboard alone.
    page.get_by_label("Name of the new issuer").fill("root-2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("root-2 is announced. Workers believe it")).to_be_visible()

    confirm([replace(quick, roots=1)])
    page.reload()
    expect(page.get_by_text("Would break:")).to_have_count(1)
    expect(page.locator(".finding--breaks")).to_contain_text("web-2-99ab10cd33ef in finance-ai-prd holds set 0")
    look(page, "issuers-announced")
    page.get_by_role("button", name="Let it sign from now on").click()
    expect(page.get_by_role("alert")).to_contain_text("Not confirmed by 1: web-2-99ab10cd33ef")
    confirm([replace(slow, roots=1)])
    page.goto(f"{live_server.url}/warrants/issuers/")
    page.get_by_role("button", name="Let it sign from now on").click()
    expect(page.get_by_text("root-2 signs from now on.")).to_be_visible()

    expect(page.locator(".finding--breaks")).to_contain_text("3 live warrants of it would stop verifying.")
    look(page, "issuers-switched")
    Warrant.objects.all().delete()
    confirm([replace(quick, roots=2), replace(slow, roots=2)])
    page.reload()
    expect(page.locator(".finding--breaks")).to_have_count(0)
    page.get_by_role("button", name="Retire it").click()
    expect(page.get_by_text("root is retired. Workers no longer believe it.")).to_be_visible()
    look(page, "issuers-retired")
