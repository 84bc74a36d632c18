"""The keys page of the real application: a strong key from end to end, and a root that changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_story import approve, sign_in
from tests.browser.test_strong_keys import Authenticator

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

# As if this browser had made its key while another root was shown.
PIN_ANOTHER = """async () => {
  const open = indexedDB.open("countersign");
  await new Promise((resolve) => { open.onsuccess = resolve; });
  const transaction = open.result.transaction("keys", "readwrite");
  const store = transaction.objectStore("keys");
  const all = store.getAll();
  all.onsuccess = () => store.put({...all.result[0], pinnedRoots: [new Uint8Array(32).fill(7)]});
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  open.result.close();
}"""


def test_a_strong_key_signs_what_stops_and_a_changed_root_is_accepted_in_so_many_words(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data") as demo:
        page = sign_in(open_browser(), demo)
        Authenticator(page)
        make_strong_key(page)
        row = page.locator(".key-row")
        expect(row).to_contain_text("Strong: needs a passkey")
        expect(row.locator(".key-facts")).to_contain_text("never")
        demo.line(lambda line: "awaiting approval" in line)
        page.reload()
        page.get_by_text("Named in 1 live warrant").click()
        look(page, "keys-strong")

        page.evaluate(PIN_ANOTHER)
        refused_until_the_new_root_is_accepted(page, demo)

        approve(page)
        demo.line(lambda line: "[tool ✓] restart_service" in line and "signed approval verified" in line)
        page.goto(f"{demo.address}/keys/")
        expect(row.locator(".key-facts")).not_to_contain_text("never")


def make_strong_key(page: Page) -> None:
    page.get_by_label("Name of this browser").fill("Work laptop")
    page.get_by_label("Strong").check()
    look(page, "keys-before-strong")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=enrolled]").wait_for()
    expect(page.locator("enrol-key [data-part=key]")).to_contain_text("every signature needs your passkey")


def refused_until_the_new_root_is_accepted(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/approvals/")
    page.locator("[data-request] a").first.click()
    page.locator("sign-decision[data-state=refused]").wait_for()
    request = page.url
    page.get_by_role("link", name=re.compile("Compare the roots")).click()
    page.locator("enrol-key[data-state=root-changed]").wait_for()
    look(page, "keys-root-changed")
    (shown,) = page.locator("[data-root-part=new] code").all_inner_texts()
    page.get_by_label("The first two groups").fill(shown[:8])
    believe = page.get_by_role("button", name="Believe the roots")
    believe.click()
    expect(page.get_by_text("These are not the first two groups")).to_be_visible()
    page.get_by_label("The first two groups").fill(shown[:17])
    believe.click()
    page.locator("enrol-key[data-state=enrolled]").wait_for()
    page.goto(request)
    page.locator("sign-decision[data-state=ready]").wait_for()
