"""Taking the population of a search away in a real browser, and the list of who did."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, expect

from accounts.roles.contracts import Role
from audit.models import Export, ExportedNamespace
from audit.search.indexing import index
from tests.audit.population import a_year, table
from tests.browser.conftest import look
from tests.people import person

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def others() -> None:
    """Let others be at it, and have been."""
    now = timezone.now()
    for form, state, columns in (
        ("csv", "running", {"count": 1_204_511, "sent": 431_600, "slot": 0, "root": bytes(32)}),
        ("jsonl", "broken_off", {"count": 88, "sent": 40, "ended_at": now, "why": "Entry 3 of tnu_wrt_1 is gone."}),
        ("bundle", "running", {"slot": 1}),
    ):
        search = {"kind": "approval.granted,approval.denied", "person": "local:ada"}
        export = Export.objects.create(
            person="local:olga", form=form, state=state, moved_at=now, search=search, **columns
        )
        ExportedNamespace.objects.create(export=export, namespace="payments", count=40)


def test_an_auditor_takes_all_that_is_found_and_sees_it_in_the_list(
    live_server: Any, open_profile: Callable[[], BrowserContext]
) -> None:
    a_year()
    index()
    client, context = Client(), open_profile()
    client.force_login(person("audrey", Role.AUDITOR))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/search/?tool=drop")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert table(download.value.path().read_bytes())[-1]["at"] == "complete"
    expect(page.locator("#exports .export")).to_contain_text("Complete")
    expect(page.locator("#exports .export")).to_contain_text("2 entries")
    look(page, "search-taken-away")
    others()
    page.get_by_role("link", name="Who took what away").click()
    expect(page.locator(".export")).to_have_count(4)
    expect(page.locator("progress")).to_have_count(1)
    page.locator("summary").first.click()
    look(page, "exports")
    Export.objects.filter(state="running").update(sent=1_000_000)
    expect(page.locator(".export").nth(2)).to_contain_text("1000000 of 1204511")
