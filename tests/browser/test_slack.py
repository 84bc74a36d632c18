"""From the message in Slack, through single sign-on, to the signature, and to what the message then says."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import tenuo_core
from playwright.sync_api import BrowserContext, expect

from accounts.models import ApproverKey
from approvals.decisions.services import record
from approvals.models import ApprovalRequest
from approvals.notify import services as notify
from config import single_sign_on
from tests import slack
from tests.approvals import factories
from tests.approvals.factories import reachable
from tests.approvals.test_notifying_mail import notifying
from tests.approvals.test_notifying_slack import set_up
from tests.browser.conftest import look
from tests.browser.demo import free_ports
from tests.browser.openid_provider import OpenIDProvider, sign_in_there, without_their_fonts
from tests.browser.slack_drawing import drawn
from tests.endorsing import endorsed, ensure_people_root

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
ISSUER = tenuo_core.SigningKey.from_bytes(b"\x22" * 32)


@contextmanager
def notifier() -> Iterator[None]:
    """Run the real notifier in a thread of its own."""
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with notifying():
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@pytest.fixture
def acme(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIDProvider]:
    """Acme's sign-in, which puts Ada on call."""
    site = str(live_server.url)
    provider = OpenIDProvider(free_ports(1)[0], site)
    for name, value in provider.settings("sre-oncall=approver").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OIDC_ACME_SCOPES", "openid profile groups email")
    settings.SITE_ROOT = site
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"APPS": single_sign_on.openid_apps(settings.NAMESPACES)},
        "saml": {"APPS": []},
    }
    policy = deepcopy(settings.CONTENT_SECURITY_POLICY)
    policy["DIRECTIVES"]["form-action"].append(provider.issuer)
    settings.CONTENT_SECURITY_POLICY = policy
    with provider:
        provider.put_into_groups("ada", "sre-oncall")
        yield provider


def test_the_button_leads_through_sign_in_to_the_signature_and_the_message_says_who(
    acme: OpenIDProvider,
    settings: Any,
    open_browser: Callable[..., BrowserContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notify, "SETTLES_WITHIN", notify.SETTLES_WITHIN * 0)
    factories.trust(bytes(ISSUER.public_key_bytes()))
    ensure_people_root()
    grace = reachable(factories.approver("grace"))
    context = open_browser(base_url=settings.SITE_ROOT)
    page = context.new_page()
    without_their_fonts(page)
    page.goto("/keys/")
    page.get_by_role("button", name="Sign in with Acme").click()
    sign_in_there(page, "ada")
    page.get_by_label("Name of this browser").fill("Phone")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=waiting]").wait_for()
    key = ApproverKey.objects.get(person__subject="ada")
    endorsed(key)
    assert key.person.email == "ada@mail.example"
    context.clear_cookies()

    with slack.serving() as workspace, notifier_of(settings, workspace):
        workspace.people.update({"ada@mail.example": "U0ADA", "grace@mail.example": "U0GRACE"})
        minted = factories.mint(bytes(key.public_key), grace, min_approvals=2, issuer=ISSUER)
        factories.services.open(gate_request=factories.gate_request(minted))
        workspace.until(lambda: len(workspace.messages) == 3)
        (asked,) = workspace.to("D0ADA")
        draw(context, asked, "slack-asked")

        page.goto(asked.link)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_role("button", name="Sign in with Acme").click()
        if urlsplit(page.url).netloc == urlsplit(acme.issuer).netloc:
            sign_in_there(page, "ada")
        page.wait_for_url(asked.link)
        page.locator("sign-decision[data-state=ready]").wait_for()
        look(page, "slack-request")
        page.get_by_role("button", name="Sign and approve").click()
        page.locator("sign-decision[data-state=sent]").wait_for()
        workspace.until(lambda: all(len(message.replies) == 1 for message in workspace.messages))
        for message in workspace.messages:
            assert "Approval asked: 1 of 2" in message.shown
            assert "*Approved by* `Ada of Acme`" in message.shown

        waiting = ApprovalRequest.objects.get()
        record(person=grace.person, request_id=waiting.pk, approval=grace.sign_approval(waiting))
        workspace.until(lambda: all(len(message.replies) == 2 for message in workspace.messages))
        for message in workspace.messages:
            assert message.shown.startswith("Approved\n")
            assert "*Approved by* `Ada of Acme`" in message.shown
            assert "*Approved by* `Grace`" in message.shown
        draw(context, asked, "slack-approved")
        assert factories.ARGUMENTS["service"] not in workspace.everything()


def draw(context: BrowserContext, message: slack.Message, name: str) -> None:
    """Keep a picture of ``message`` where ``SCREENSHOTS`` says."""
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page = context.new_page()
        page.set_content(drawn(message))
        page.locator("body").screenshot(path=str(Path(directory) / f"{name}.png"))
        page.close()


@contextmanager
def notifier_of(settings: Any, workspace: slack.FakeSlack) -> Iterator[None]:
    set_up(settings, workspace)
    with notifier():
        yield
