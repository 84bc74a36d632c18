"""The queue of somebody who reaches several namespaces, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, expect
from pytest_django import Settings

from accounts.namespaces.contracts import Namespace
from tests.approvals import factories
from tests.browser.conftest import look

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_one_namespace_of_several_is_shown_alone(
    live_server: Any, open_browser: Callable[[], BrowserContext], settings: Settings
) -> None:
    settings.NAMESPACES = (Namespace("finance-ai-prd"), Namespace("finance-payments-prd"))
    ada = factories.approver("ada")
    for namespace in ("finance-ai-prd", "finance-payments-prd"):
        factories.open_request(ada, namespace=namespace)
    page = signed_in(open_browser(), ada.person, live_server.url).new_page()
    page.goto(f"{live_server.url}/approvals/")
    expect(page.get_by_text("in finance-payments-prd")).to_be_visible()
    look(page, "queue-of-namespaces")
    page.get_by_label("Namespace").select_option("finance-ai-prd")
    expect(page.get_by_text("in finance-payments-prd")).to_have_count(0)
    expect(page.get_by_text("in finance-ai-prd")).to_be_visible()
    assert "namespace=finance-ai-prd" in page.url


def signed_in(context: BrowserContext, person: Any, address: str) -> BrowserContext:
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])
    return context
