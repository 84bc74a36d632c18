"""An incident's page: every line opens to who signed over what, and what is missing is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.roles.contracts import Role
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.log.services import integrate
from audit.models import RecordedReceipt
from audit.receipts import gaps, services
from tests import people
from tests.audit.test_attenuated import narrower
from tests.audit.test_export import on_file
from tests.browser.conftest import look
from tests.vectors.evidence_story import READ, Story, key

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_line_opens_to_its_proof_and_what_never_came_is_said(
    live_server: Any, settings: Any, open_profile: Callable[[], BrowserContext], client: Client, monkeypatch: Any
) -> None:
    settings.SITE_ROOT = live_server.url
    services._receipts_keys.cache_clear()
    keys = {name: private_key_of(ensure_service_key(purpose=name)) for name in ("ledger", "receipts")}
    story = Story(**keys).ran()
    story.handed_on(narrower, key(29))
    story.forged("read_logs", READ)
    on_file(story)
    integrate()
    RecordedReceipt.objects.filter(sequence__gte=2).update(sequence=9)
    monkeypatch.setattr(gaps, "time", SimpleNamespace(time=lambda: 2**33))
    client.force_login(people.person("vera", Role.VIEWER))
    context = open_profile()
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page: Page = context.new_page()
    page.goto(f"{live_server.url}/incidents/{story.chain}/")
    expect(page.get_by_text("Receipts 2 to 8 of worker")).to_be_visible()
    for title in ("approval-granted", "warrant-attenuated", "restart_service ALLOWED"):
        page.get_by_text(title).first.click()
    expect(page.locator(".tree-line[open]").get_by_text("Newest checkpoint").first).to_be_visible()
    look(page, "incident-proofs")
