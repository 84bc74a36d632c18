"""A security administrator endorses a key in a real browser, and the browser refuses where the page lies."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

Open = Callable[[], BrowserContext]


def arrive(demo: Demo, open_browser: Open, username: str, name: str, role: str) -> Page:
    """Create somebody, sign them in in a browser of their own, and enrol its key."""
    said = demo.manage_all(("create_person", username, "--name", name, "--role", role), ("sign_in_link", username))
    page = open_browser().new_page()
    page.goto(re.findall(r"http\S+/sign-in/\S+", said)[-1])
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{demo.address}/keys/")
    page.get_by_label("Name of this browser").fill("Laptop")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=waiting] [data-part=own-fingerprint] code").wait_for()
    return page


def lies(page: Page, what: str, instead: str) -> None:
    """Let the server say something else on the page of endorsements."""

    def change(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(what, instead))

    page.route("**/keys/endorsements/", change)


def test_an_administrator_endorses_what_its_owner_made_and_nothing_else(tmp_path: Path, open_browser: Open) -> None:
    with Demo(tmp_path / "data") as demo:
        demo.line(lambda line: "people root established" in line)
        olga = arrive(demo, open_browser, "olga", "Olga", "security_administrator")
        olga.goto(f"{demo.address}/keys/endorsements/")
        # Nobody endorsed her key: it endorses nobody's.
        olga.locator("endorse-keys[data-state=not-endorsed]").wait_for()

        demo.manage("bootstrap_root", "olga", "--replace")
        olga.reload()
        # Her browser pinned the root of the first ceremony when she made her key.
        olga.locator("endorse-keys[data-state=root-changed]").wait_for()
        ada = arrive(demo, open_browser, "ada", "Ada Lovelace", "approver")
        look(ada, "keys-waiting")
        olga.reload()
        expect(olga.get_by_role("button", name="Endorse this key").first).to_be_disabled()
        olga.get_by_role("button", name="I compared it").click()
        olga.locator("endorse-keys[data-state=ready]").wait_for()
        look(olga, "endorsements")

        refused_where_the_page_lies(olga)

        row = olga.locator("[data-endorse]", has_text="local:ada")
        row.get_by_role("button", name="Endorse this key").click()
        olga.locator("[data-endorse]", has_text="local:ada").wait_for(state="detached")
        # Ada's page follows by itself.
        ada.locator("enrol-key[data-state=enrolled]").wait_for()
        expect(ada.get_by_text("A key of yours was endorsed")).to_be_visible()
        ada.get_by_role("button", name="I have seen this").first.click()
        expect(ada.get_by_text("A key of yours was endorsed")).to_have_count(0)

        olga.reload()
        olga.locator("summary", has_text="Revoke").last.click()
        olga.get_by_label("Why").last.fill("Her laptop was stolen.")
        olga.get_by_role("button", name="Revoke this key").last.click()
        ada.reload()
        ada.locator("enrol-key[data-state=revoked]").wait_for()
        expect(ada.get_by_text("Her laptop was stolen.")).to_be_visible()


def refused_where_the_page_lies(page: Page) -> None:
    """A name beside a key that is not its owner's; a chain that leads elsewhere; a root that is not the pinned one."""
    lies(page, "local:ada", "local:eva")
    page.reload()
    page.locator("endorse-keys[data-state=ready]").wait_for()
    row = page.locator("[data-endorse]", has_text="local:eva")
    row.get_by_role("button", name="Endorse this key").click()
    expect(page.locator("endorse-keys > section [data-part=error]")).to_contain_text("has not signed that it belongs")
    page.unroute("**/keys/endorsements/")

    def other_root(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=re.sub(r'("people_root": ")[0-9a-f]{64}', r"\g<1>" + "ab" * 32, answer.text())
        )

    page.route("**/keys/endorsements/", other_root)
    page.reload()
    page.locator("endorse-keys[data-state=root-changed]").wait_for()
    expect(page.get_by_role("button", name="Endorse this key").first).to_be_disabled()
    page.unroute("**/keys/endorsements/")

    def no_chain(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r'"chain": \[[^\]]*\]', '"chain": []', answer.text()))

    page.route("**/keys/endorsements/", no_chain)
    page.reload()
    page.locator("endorse-keys[data-state=not-endorsed]").wait_for()
    page.unroute("**/keys/endorsements/")
    page.reload()
    page.locator("endorse-keys[data-state=ready]").wait_for()
