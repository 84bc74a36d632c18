"""Passkeys in a real browser with a virtual authenticator: signing in, and confirming before an approval."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import ROOT, Demo
from tests.browser.test_story import approve, make_key, newest_incident, open_card, sign_in
from workers.demo.story import USERNAME

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

STRICT = "tests/browser/strict_manage.py"
REASON = "The pool is exhausted, and nobody is paying."


class Authenticator:
    """A fingerprint reader that belongs to ``page``; the finger may be the wrong one."""

    def __init__(self, page: Page) -> None:
        self.devtools: CDPSession = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def recognise(self, finger: bool) -> None:
        self.devtools.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": finger})


def add_passkey(page: Page, demo: Demo, name: str) -> None:
    page.goto(f"{demo.address}/passkeys/")
    page.get_by_label("Name of this passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def sign_out(page: Page) -> None:
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def sign_in_again(page: Page, demo: Demo) -> None:
    page.goto(demo.manage("sign_in_link", USERNAME).strip())
    page.get_by_role("button", name="Sign in").click()


def wait_for_request(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/approvals/")
    page.locator("[data-request]").wait_for()
    open_card(page)


def verified(page: Page, demo: Demo, chain: str, file: Path) -> str:
    """Return what the offline verifier says of the incident, with the root that the keys page shows."""
    demo.manage("export_receipts", chain, "--output", str(file))
    page.goto(f"{demo.address}/keys/")
    root = page.locator("enrol-key").get_attribute("data-roots") or ""
    command = [sys.executable, "-m", "audit.verify", str(file), "--root", root]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_passkey_is_asked_for_at_sign_in_and_before_an_approval(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data", program=(STRICT,)) as demo:
        page = sign_in(open_browser(), demo)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        authenticator = Authenticator(page)
        page.goto(f"{demo.address}/passkeys/")
        look(page, "passkeys-none")
        add_passkey(page, demo, "Laptop")
        look(page, "passkeys")

        sign_out(page)
        sign_in_again(page, demo)
        page.get_by_role("heading", name="Now your passkey").wait_for()
        look(page, "second-factor")
        page.goto(f"{demo.address}/approvals/")
        page.get_by_role("heading", name="Now your passkey").wait_for()  # the link alone lets nobody in
        authenticator.recognise(False)
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.locator("[data-part=error]")).to_contain_text("The passkey was not used")
        authenticator.recognise(True)
        page.get_by_role("button", name="Use your passkey").click()
        page.wait_for_url(f"{demo.address}/approvals/")

        make_key(page, demo)
        wait_for_request(page, demo)
        page.evaluate("window.neverReloaded = true")
        page.get_by_label("Reason").fill(REASON)
        look(page, "request-step-up")

        authenticator.recognise(False)
        page.get_by_role("button", name="Sign and approve").click()
        expect(page.locator("#decision-error")).to_contain_text("The passkey was not used")
        expect(page.get_by_label("Reason")).to_have_value(REASON)
        expect(page.locator("#progress")).to_have_attribute("data-state", "open")

        authenticator.recognise(True)
        approve(page)
        assert page.evaluate("window.neverReloaded")
        expect(page.locator("#so-far")).to_contain_text(REASON)
        expect(page.locator("#so-far")).to_contain_text("Confirmed with a passkey")
        look(page, "request-step-up-executed")

        chain = newest_incident(page, demo)
        page.goto(f"{demo.address}/incidents/{chain}/")
        page.get_by_text("approval-granted").first.click()
        expect(page.get_by_text(re.compile("a passkey at .* for this request only")).first).to_be_visible()
        assert "; confirmed with a passkey" in verified(page, demo, chain, tmp_path / "evidence.jsonl")

        page.goto(f"{demo.address}/passkeys/")
        page.get_by_text("Remove", exact=True).click()
        page.get_by_role("button", name="Remove this passkey").click()
        expect(page.get_by_role("main")).to_contain_text("“Laptop” is removed")


def test_who_has_no_passkey_confirms_at_the_provider_and_finds_the_reason_again(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data", program=(STRICT, "--provider")) as demo:
        page = sign_in(open_browser(), demo)
        make_key(page, demo)
        wait_for_request(page, demo)
        page.get_by_label("Reason").fill(REASON)
        look(page, "request-step-up-provider")
        page.get_by_role("button", name="Sign and approve").click()
        page.get_by_text("You confirmed that it is you").wait_for()
        page.locator("sign-decision[data-state=ready]").wait_for()
        expect(page.get_by_label("Reason")).to_have_value(REASON)
        assert page.evaluate("sessionStorage.length") == 0
        look(page, "request-step-up-confirmed")
        approve(page)
        expect(page.locator("#so-far")).to_contain_text("Confirmed with their provider")
        expect(page.locator("#so-far")).to_contain_text(REASON)


def test_who_can_confirm_nowhere_is_led_to_a_passkey_and_back_and_can_always_deny(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data", program=(STRICT,)) as demo:
        page = sign_in(open_browser(), demo)
        Authenticator(page)
        make_key(page, demo)
        wait_for_request(page, demo)
        page.get_by_label("Reason").fill(REASON)
        page.get_by_role("button", name="Sign and approve").click()
        expect(page.locator("#decision-error")).to_contain_text("needs a passkey")
        look(page, "request-step-up-none")
        page.get_by_role("link", name="Add a passkey").click()
        page.get_by_label("Name of this passkey").fill("Phone")
        page.get_by_role("button", name="Add a passkey").click()
        page.wait_for_url(re.compile("/approvals/.+#decision"))
        page.locator("sign-decision[data-state=ready]").wait_for()
        expect(page.get_by_label("Reason")).to_have_value(REASON)
        page.get_by_role("button", name="Sign and deny").click()
        expect(page.locator("#progress")).to_have_attribute("data-state", "denied", timeout=30_000)
