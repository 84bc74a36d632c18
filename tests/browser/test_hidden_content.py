"""What a viewer's browser shows of a request: that it is there, how it stands, and who may see more."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.roles.contracts import Role
from approvals.decisions.services import record
from tests import people
from tests.approvals import factories
from tests.browser.conftest import look

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_viewer_follows_a_request_and_sees_none_of_its_content(
    live_server: Any, settings: Any, open_browser: Callable[[], BrowserContext], client: Client
) -> None:
    settings.SITE_ROOT = live_server.url
    ada = factories.approver("ada")
    waiting = factories.open_request(ada, reasoning="CANARY-reasoning")
    client.force_login(people.person("vera", Role.VIEWER))
    context = open_browser()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page: Page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))

    page.goto(f"{live_server.url}/approvals/{waiting.pk}/")
    expect(page.get_by_text("Its content is not shown to you")).to_be_visible()
    look(page, "request-hidden-content")
    record(
        person=ada.person, request_id=waiting.pk, denial=ada.sign_denial(waiting, reason="Not during the settlement.")
    )
    page.reload()
    expect(page.locator("#so-far")).to_contain_text("Not during the settlement.")
    assert "CANARY" not in page.content()
    page.goto(f"{live_server.url}/incidents/{waiting.chain}/")
    expect(page.get_by_text("are not shown to you")).to_be_visible()
    look(page, "incident-hidden-content")
    assert "CANARY" not in page.content()
    assert wrong == []
