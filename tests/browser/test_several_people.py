"""Several people decide one request in their browsers, on the real pages: partly, taken back, and with a proposal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as configured
from django.test import Client
from playwright.sync_api import Page, Playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.keys.queries import keys_of
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.browser.chromium import launch_options
from tests.endorsing import endorsed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signed_in(
    playwright: Playwright, live_server: LiveServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], tuple[Page, Approver]]]:
    """Return how somebody new signs in with a browser of their own, and makes a key there that is endorsed."""
    # Playwright's own loop runs in this thread; nothing here runs at the same time.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    settings.SITE_ROOT = live_server.url
    browser = playwright.chromium.launch(**launch_options())

    def sign_in(name: str) -> tuple[Page, Approver]:
        person, context = factories.person(name), browser.new_context()
        client = Client()
        client.force_login(person)
        cookie = client.cookies[configured.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{live_server.url}/keys/")
        page.get_by_role("button", name="Make this browser").click()
        page.locator("enrol-key[data-state=enrolled]").wait_for()
        key = endorsed(keys_of(person)[0])
        return page, key

    yield sign_in
    browser.close()
