"""How long evidence is kept, erasing it, and whether the ledger is whole, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.roles.contracts import Role
from audit.ledger.services import append
from audit.models import LedgerCheck
from audit.retention.services import hold, release, remove
from audit.statements import cbor
from audit.statements.kinds import EntryKind
from tests import people
from tests.browser.conftest import look

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

CHAIN = "tnu_wrt_1"


def test_an_incident_says_how_long_it_is_kept_is_erased_and_goes(
    live_server: Any, settings: Any, open_profile: Callable[[], BrowserContext], client: Client
) -> None:
    settings.SITE_ROOT = live_server.url
    with transaction.atomic():
        for kind in (EntryKind.CALL_ALLOWED, EntryKind.RUN_COMPLETED):
            attachments = {"arguments": cbor.encode({"query": "CANARY-argument"})}
            details = {"tool": "read_logs", "status": "completed"}
            append(chain=CHAIN, kind=kind, details=details, attachments=attachments, label="P1042", namespace="default")
    grace = people.person("grace", Role.SECURITY_ADMINISTRATOR)
    grace.set_password("a long enough password")
    grace.save()
    client.post("/accounts/login/", {"login": "grace", "password": "a long enough password"})
    context = open_profile()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page: Page = context.new_page()

    hold(chain=CHAIN, reason="Matter 2026-17", by="local:grace")
    page.goto(f"{live_server.url}/incidents/{CHAIN}/")
    expect(page.get_by_text("Kept until")).to_be_visible()
    expect(page.get_by_text("Matter 2026-17")).to_be_visible()
    look(page, "incident-on-hold")
    page.get_by_role("link", name="Erase this incident’s payloads").click()
    expect(page.get_by_text("Nothing of this incident may go")).to_be_visible()
    release(chain=CHAIN, by="local:grace")
    page.reload()
    look(page, "erasure")
    page.get_by_label("Why they must go").fill("Personal data of a customer")
    page.get_by_role("button", name="Erase all payloads").click()
    expect(page.get_by_text("2 payloads of this incident are erased")).to_be_visible()
    assert "CANARY" not in page.content()
    remove(chain=CHAIN, now=timezone.now() + timedelta(days=2558))
    page.reload()
    expect(page.get_by_text("Removed under retention on")).to_be_visible()
    look(page, "incident-removed")


def test_the_ledgers_page_says_what_was_found(
    live_server: Any, settings: Any, open_profile: Callable[[], BrowserContext], client: Client
) -> None:
    settings.SITE_ROOT = live_server.url
    client.force_login(people.person("audrey", Role.AUDITOR))
    context = open_profile()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page: Page = context.new_page()
    now = timezone.now()
    row = LedgerCheck.objects.create(started_at=now, seen_at=now, finished_at=now, entries=1_234_567, kept=12)
    page.goto(f"{live_server.url}/incidents/")
    page.get_by_role("link", name="Is the ledger whole?").click()
    expect(page.get_by_text("1,234,567 entries, against 12 checkpoints kept outside")).to_be_visible()
    row.found, row.findings = 2, ["Entry 2 of P1042 (tnu_wrt_1) has lost what it says. " * 3, "<b>not markup</b>"]
    row.save()
    LedgerCheck.objects.create(started_at=now, seen_at=now, entries=1_234_567, done=900_000)
    page.reload()
    expect(page.get_by_text("<b>not markup</b>")).to_be_visible()
    expect(page.get_by_text("36 % of 1,234,567 entries")).to_be_visible()
    look(page, "ledger-findings")
