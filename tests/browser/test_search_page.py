"""The search over the ledger in a real browser: asked by its form, drawn, and followed to an entry's line."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Person
from accounts.roles.contracts import Role
from audit.models import IndexedEntry
from audit.search.contracts import Search
from audit.search.saving import save
from tests.audit.evidence import denied_story
from tests.audit.indexed import indexed, keys
from tests.browser.conftest import look
from tests.people import person

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_search(context: BrowserContext, somebody: Person, site: str) -> Page:
    client = Client()
    client.force_login(somebody)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])
    page = context.new_page()
    page.goto(f"{site}/search/")
    return page


def spread_over_days() -> None:
    """Let every third entry have been a day earlier than the ones before."""
    for number, row in enumerate(IndexedEntry.objects.order_by("-at_ms", "-pk")):
        IndexedEntry.objects.filter(pk=row.pk).update(at_ms=row.at_ms - number // 3 * 86_400_000)


def test_an_auditor_asks_sees_charts_and_comes_to_the_entry(
    live_server: Any, open_profile: Callable[[], BrowserContext]
) -> None:
    story = indexed()
    indexed(denied_story(**keys(), worker_sequence=100), namespace="billing")
    spread_over_days()
    audrey = person("audrey", Role.AUDITOR)
    save(owner=str(audrey.pk), name="Restarts of November", search=Search(tool="restart_service"))
    page = open_search(open_profile(), audrey, live_server.url)
    page.get_by_label("Value").fill("production")
    page.get_by_label("Tool").fill("restart_service")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="5 entries")).to_be_visible()
    expect(page.locator(".hit-arguments").first).to_contain_text('environment "production"')
    page.goto(f"{live_server.url}/search/?incident=P1042&kind=approval.granted,approval.denied")
    page.get_by_text("Charts of what was found").click()
    expect(page.locator(".search-charts svg")).to_be_visible()
    look(page, "search")
    page.goto(f"{live_server.url}/search/?person=local:lead&kind=approval.granted")
    page.get_by_role("link", name="approval-granted").click()
    expect(page).to_have_url(f"{live_server.url}/incidents/{story.chain}/#entry-6")
    page.goto(f"{live_server.url}/search/?key=nonsense&from=soon")
    expect(page.locator(".field-error")).to_have_text(
        "Write a day as 2026-11-26, or a moment as 2026-11-26T08:00Z. Times are UTC."
    )
    look(page, "search-refused")
