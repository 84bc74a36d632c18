"""Several people decide one request in their browsers, on the real pages: partly, taken back, and with a proposal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import tenuo_core
from django.conf import settings as configured
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import ApproverKey
from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Decision
from approvals.signing import denial, proposal
from tests.approvals import factories
from tests.approvals.factories import ARGUMENTS
from tests.browser.conftest import look
from tests.endorsing import endorsed

# Playwright's own loop runs in this thread; nothing here runs at the same time.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
ISSUER = tenuo_core.SigningKey.from_bytes(b"\x21" * 32)
SignIn = Callable[[str], Page]


@pytest.fixture
def sign_in(open_browser: Callable[..., BrowserContext], live_server: Any, settings: Any) -> SignIn:
    """Return how somebody new signs in with a browser of their own, and makes a key there that is endorsed."""
    settings.SITE_ROOT = str(live_server.url)
    factories.trust(bytes(ISSUER.public_key_bytes()))

    def come(name: str) -> Page:
        client = Client()
        client.force_login(factories.person(name))
        cookie = client.cookies[configured.SESSION_COOKIE_NAME]
        context = open_browser(base_url=settings.SITE_ROOT)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": settings.SITE_ROOT}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto("/keys/")
        page.get_by_label("Name of this browser").fill("Laptop")
        page.get_by_role("button", name="Make this browser").click()
        page.locator("enrol-key[data-state=waiting]").wait_for()
        endorsed(ApproverKey.objects.get(person__username=name))
        return page

    return come


def asked_of_everybody(min_approvals: int) -> ApprovalRequest:
    keys = [bytes(key.public_key) for key in ApproverKey.objects.order_by("pk")]
    minted = factories.mint(*keys, min_approvals=min_approvals, issuer=ISSUER)
    return factories.services.open(gate_request=factories.gate_request(minted))


def open_page(page: Page, asked: ApprovalRequest) -> None:
    page.goto(f"/approvals/{asked.pk}/")
    page.locator("sign-decision[data-state]:not([data-state=checking])").wait_for()


def test_an_approval_is_taken_back_and_others_are_proposed(sign_in: SignIn) -> None:
    ada, grace, _ = sign_in("ada"), sign_in("grace"), sign_in("bob")
    asked = asked_of_everybody(min_approvals=2)
    open_page(ada, asked)
    expect(ada.get_by_text("3 people can approve; 2 denials end the request.")).to_be_visible()
    ada.get_by_role("button", name="Sign and approve").click()
    ada.locator("sign-decision[data-state=sent]").wait_for()
    expect(ada.locator("#so-far")).to_contain_text("1 of 2 approvals so far")
    look(ada, "taking-back")

    ada.get_by_role("button", name="Take my approval back").press("Enter")
    expect(ada.locator("#so-far")).to_contain_text("Ada took it back")
    ada.locator("sign-decision[data-state=ready]").wait_for()
    assert Decision.objects.get().lapsed

    open_page(grace, asked)
    grace.get_by_label("Reason").fill("Staging first.")
    grace.get_by_text("Propose other arguments").focus()
    grace.keyboard.press("Enter")
    field = grace.get_by_label("environment")
    expect(field).to_have_value("production")
    expect(grace.get_by_text("Nothing is changed yet.")).to_be_visible()
    field.fill("elsewhere")
    expect(grace.get_by_text("The warrant does not allow environment to be this")).to_be_visible()
    field.fill("staging")
    expect(grace.get_by_text("It would run without asking anybody.")).to_be_visible()
    look(grace, "proposing")
    grace.get_by_role("button", name="Sign and approve").click()
    expect(grace.get_by_text("an approval is for those that were asked")).to_be_visible()
    assert Decision.objects.count() == 1, "nothing was signed"
    grace.get_by_role("button", name="Sign and deny").click()
    grace.locator("sign-decision[data-state=sent]").wait_for()
    kept = denial.parse(bytes(Decision.objects.get(kind="deny").signed)).proposed_arguments
    assert kept is not None
    assert proposal.read(kept) == {**ARGUMENTS, "environment": "staging"}

    open_page(ada, asked)
    expect(ada.locator("#so-far")).to_contain_text("Would agree to these arguments instead")
    expect(ada.locator("#so-far")).to_contain_text("2 more people can still approve; one more denial ends the request.")
    look(ada, "proposed")
    ada.goto("/approvals/")
    expect(ada.locator(".card")).to_contain_text("0 of 2 approved")
    expect(ada.locator(".card")).to_contain_text("Grace denied")
    look(ada, "partly-decided")
    assert ApprovalRequest.objects.get().state == RequestState.OPEN
