"""Who may do what, and where one is signed in, in a real browser against the real demo."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

Open = Callable[..., BrowserContext]
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("people") / "data") as running:
        running.sign_in_link()
        running.manage_all(*people())
        yield running


def sign_in(context: BrowserContext, demo: Demo, username: str) -> Page:
    page = context.new_page()
    page.goto(demo.manage("sign_in_link", username).strip().splitlines()[-1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/approvals/"))
    return page


def people() -> Iterator[tuple[str, ...]]:
    """Yield the commands that make them."""
    for username, name, *roles in (
        ("sam", "Sam Okafor", "security_administrator"),
        ("ada", "Ada Lovelace", "approver"),
        ("grace", "Grace Hopper", "approver --namespace payments", "policy_author"),
        ("vera", "Vera Rubin", "viewer --namespace payments"),
        ("oscar", "Oscar"),
    ):
        yield ("create_person", username, "--name", name)
        for role in roles:
            yield ("grant_role", username, *role.split())


def test_an_administrator_shuts_somebody_out_and_their_open_page_goes_dark(demo: Demo, open_browser: Open) -> None:
    vera = sign_in(open_browser(), demo, "vera")
    vera.locator("live-queue[data-state=live]").wait_for()

    sam = sign_in(open_browser(), demo, "sam")
    sam.get_by_role("link", name="People").click()
    look(sam, "people")

    row = sam.locator(".person", has_text="Oscar")
    row.get_by_text("Give a role").click()
    row.get_by_label("Role").select_option("approver")
    row.get_by_label("Namespace").fill("payments")
    look(sam, "people-giving")
    row.get_by_role("button", name="Give this role").click()
    expect(sam.locator(".person", has_text="Oscar").locator(".grant")).to_contain_text("payments")

    row = sam.locator(".person", has_text="Vera Rubin")
    row.get_by_text("1 open session").click()
    row.get_by_text("Disable", exact=True).click()
    row.get_by_role("button", name="Disable Vera Rubin").click()
    vera.locator("live-queue:not([data-state=live])").wait_for(timeout=5_000)
    expect(sam.locator(".person", has_text="Vera Rubin")).to_contain_text("Disabled")


def test_a_person_signs_out_on_another_device(demo: Demo, open_browser: Open) -> None:
    laptop = sign_in(open_browser(), demo, "ada")
    phone = sign_in(open_browser(user_agent=PHONE), demo, "ada")
    phone.locator("live-queue[data-state=live]").wait_for()
    laptop.get_by_role("link", name="Ada Lovelace").click()
    look(laptop, "sessions")
    laptop.get_by_role("button", name="Sign out Safari on iPhone").click()
    phone.locator("live-queue:not([data-state=live])").wait_for(timeout=5_000)
    phone.reload()
    expect(phone).to_have_url(re.compile("/accounts/login/"))
    expect(laptop.locator(".session-row")).to_have_count(1)
