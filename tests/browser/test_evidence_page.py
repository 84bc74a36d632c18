"""An auditor takes evidence away in a real browser, with a checkpoint that they keep."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from playwright.sync_api import BrowserContext, expect

from accounts.roles.contracts import Role
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.log.queries import newest_checkpoint
from audit.log.services import integrate
from audit.verify.verifier import verify
from tests.audit.evidence import approved_story
from tests.audit.test_export import on_file
from tests.browser.conftest import look
from tests.people import person

# Playwright runs an event loop in this thread; the database is used between its calls only.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_auditor_takes_evidence_away_that_goes_on_from_their_checkpoint(
    open_profile: Callable[[], BrowserContext], live_server: Any, tmp_path: Path
) -> None:
    with transaction.atomic():
        keys = {purpose: private_key_of(ensure_service_key(purpose=purpose)) for purpose in ("ledger", "receipts")}
        story = on_file(approved_story(**keys))
    integrate()
    kept = newest_checkpoint("")
    client = Client()
    client.force_login(person("audrey", Role.AUDITOR))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context = open_profile()
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/incidents/{story.chain}/")
    page.get_by_text("I keep a checkpoint").click()
    look(page, "evidence-asked-for")
    page.get_by_label("A checkpoint you keep").fill("not one")
    page.get_by_role("button", name="Download the evidence").click()
    expect(page.get_by_role("heading", name="That is not a checkpoint")).to_be_visible()
    expect(page.get_by_label("A checkpoint you keep")).to_have_value("not one")
    look(page, "evidence-not-a-checkpoint")
    page.get_by_label("A checkpoint you keep").fill(kept)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the evidence").click()
    path = tmp_path / "evidence.jsonl"
    download.value.save_as(path)
    report = verify(path.read_bytes(), roots=[story.root_hex], checkpoints=[kept.encode()])
    assert report.verified, report.as_text()
    assert "goes on from 1 checkpoint that you keep" in report.as_text()
