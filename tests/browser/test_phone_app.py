"""Countersign on a phone's home screen: installable, honest without a connection, clear of the screen's edges."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from audit.keys.push import ensure_push_key
from tests.approvals import factories
from tests.browser.phone import awkward, phone
from tests.browser.test_asked_again_pages import signed_in
from tests.browser.test_phone_pages import ask, enrol_this_browser
from tests.endorsing import endorsed

# Playwright's loop runs in the thread that uses the ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

HOME_INDICATOR = 34  # CSS pixels, as tall as an iPhone's
REGISTER = """async () => {
  const policy = trustedTypes.createPolicy("service-worker", {createScriptURL: (url) => url});
  await navigator.serviceWorker.register(policy.createScriptURL("/service-worker.js"), {scope: "/"});
  const {active} = await navigator.serviceWorker.ready;
  if (active.state !== "activated") await new Promise((done) => { active.onstatechange = done; });
}"""


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    settings.SITE_ROOT = live_server.url
    ensure_push_key()
    return str(live_server.url)


@pytest.fixture
def ada(db: None) -> factories.Approver:
    return factories.approver("ada")


@pytest.fixture
def page(site: str, ada: factories.Approver, open_browser: Callable[..., BrowserContext], client: Client) -> Page:
    return signed_in(site, open_browser(base_url=site, **phone()), client, ada)


def test_it_can_be_installed(page: Page, site: str) -> None:
    page.goto("/approvals/")
    devtools = page.context.new_cdp_session(page)
    found = devtools.send("Page.getAppManifest")
    assert found["errors"] == []
    problems = {one["errorId"] for one in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert problems <= {"in-incognito"}, "the tests' own browser is one of those"
    manifest = json.loads(found["data"])
    assert (manifest["id"], manifest["scope"], manifest["start_url"]) == ("/", "/", "/approvals/")
    assert manifest["display"] == "standalone"
    drawn = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= drawn
    for icon in manifest["icons"]:
        picture = page.evaluate(
            """async (src) => { const one = new Image(); one.src = src; await one.decode();
            return `${one.naturalWidth}x${one.naturalHeight}`; }""",
            icon["src"],
        )
        assert picture == icon["sizes"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        said = page.locator(f"meta[name=theme-color][media*={scheme}]").get_attribute("content")
        paper = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()")
        assert said == paper, "the phone's bars have the page's colour"
    assert manifest["background_color"] == manifest["theme_color"] == "#f8f7f4"
    assert page.locator("link[rel=apple-touch-icon]").count() == 1


def test_without_a_connection_it_says_so_and_shows_nothing_older(page: Page, ada: factories.Approver) -> None:
    asked = ask(ada)
    page.goto("/approvals/")
    page.evaluate(REGISTER)
    page.goto(f"/approvals/{asked.pk}/")
    expect(page.locator("h1")).to_contain_text("restart_service")
    assert page.evaluate("navigator.serviceWorker.controller !== null"), "the worker answers for this page"

    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert "restart_service" not in page.content()
    assert awkward(page) == []
    assert page.evaluate("getComputedStyle(document.querySelector('a')).borderTopWidth") == "2px", "its style is let in"
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").tap()
    expect(page.locator("h1")).to_contain_text("restart_service")
    kept = page.evaluate("async () => [await caches.keys(), await indexedDB.databases()]")
    assert kept[0] == [], "nothing is kept for later"


@pytest.mark.parametrize("height", [640, 360], ids=["upright", "low"])
def test_the_buttons_are_at_the_thumb_and_cover_nothing(page: Page, ada: factories.Approver, height: int) -> None:
    key = endorsed(enrol_this_browser(page, ada.person))
    asked = ask(bytes(key.public_key))
    page.set_viewport_size({"width": 360, "height": height})
    insets = {"bottom": HOME_INDICATOR}
    page.context.new_cdp_session(page).send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    page.goto(f"/approvals/{asked.pk}/")
    page.locator("sign-decision[data-state=ready]").wait_for()
    page.evaluate("scrollTo(0, 400)")
    to_the_decision = page.get_by_role("link", name="To the decision")
    assert bottom_of(to_the_decision) <= height - HOME_INDICATOR
    to_the_decision.tap()
    expect(to_the_decision).to_be_hidden()
    reason = page.get_by_label("Reason")
    reason.focus()
    approve = page.get_by_role("button", name="Sign and approve")
    if height == 640:
        assert bottom_of(approve) <= height - HOME_INDICATOR
        expect(approve).to_be_in_viewport(ratio=1)
        box = approve.bounding_box()
        assert box is not None
        assert bottom_of(reason) <= box["y"], "what is typed is not under the buttons"
    else:
        expect(page.locator(".choices")).to_have_css("position", "static")

    page.get_by_role("button", name="Sign and deny").tap()
    error = page.locator("#decision-error")
    expect(error).to_contain_text("Say why you deny")
    expect(error).to_be_in_viewport(ratio=1)
    middle = "({x, y, width, height}) => document.elementFromPoint(x + width / 2, y + height / 2)?.closest('[id]')?.id"
    assert page.evaluate(middle, error.bounding_box()) == "decision-error", "the buttons are not over it"


def bottom_of(locator: Any) -> float:
    box = locator.bounding_box()
    assert box is not None
    return float(box["y"] + box["height"])
