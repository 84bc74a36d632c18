"""The static verifier: one file, opened from disk with the network off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.page.__main__ import build, main
from tests.browser.conftest import look
from tests.vectors.evidence import TABLE
from tests.vectors.parts import HERE

pytestmark = pytest.mark.browser
ROWS: dict[str, dict[str, Any]] = {Path(row["file"]).stem: row for row in json.loads(TABLE.read_text())}


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    target = tmp_path_factory.mktemp("verifier") / "verify.html"
    assert main([str(target)]) == 0
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(target.as_uri())
    yield opened
    assert {url.split(":")[0] for url in asked} <= {"file"}
    assert len(asked) == 1, asked
    assert not complaints
    context.close()


def give(page: Page, row: dict[str, Any], *, roots: list[str] | None = None) -> None:
    page.get_by_label("Evidence file").set_input_files(HERE / row["file"])
    page.get_by_label("Trusted root keys").fill("\n".join(row["roots"] if roots is None else roots))
    page.get_by_label("People roots").fill("\n".join(row["people_roots"]))
    page.get_by_label("People roots").press("Tab")
    page.keyboard.press("Enter")


def test_a_genuine_file_verifies_line_by_line(page: Page) -> None:
    give(page, ROWS["approved"])
    expect(page.get_by_role("status")).to_contain_text("VERIFIED: 10 lines")
    expect(page.get_by_role("status")).to_be_focused()
    lines = page.locator("#lines > li")
    expect(lines).to_have_count(10)
    lines.nth(6).locator("summary").press("Enter")
    expect(lines.nth(6)).to_contain_text("step 9 (approvals): approved by local:lead; bound to this request")
    look(page, "verifier-right")


def test_a_tampered_file_shows_the_line_and_step_that_fail(page: Page) -> None:
    row = ROWS["approval-of-another-request"]
    give(page, row)
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED: 1 of 6 lines failed (line 5).")
    failing = page.locator("#lines > li").nth(4)
    expect(failing).to_contain_text("✗ line 5")
    expect(failing).to_contain_text("step 9 (approvals): An approval was signed for another request, run or namespace.")
    look(page, "verifier-wrong")


def test_what_is_not_checked_here_is_never_verified(page: Page) -> None:
    give(page, ROWS["constraint-by-expression"])
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED: 1 of 3 lines could not be checked here (line 2).")
    expect(page.locator("#lines > li").nth(1)).to_contain_text("not checked here")


def test_another_root_and_none_are_refused(page: Page) -> None:
    give(page, ROWS["approved"], roots=["ab" * 32])
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED")
    give(page, ROWS["approved"], roots=[])
    expect(page.get_by_role("status")).to_contain_text("Give at least one root key")
    expect(page.locator("#lines > li")).to_have_count(0)


def test_the_page_allows_nothing_but_itself() -> None:
    page = build()
    assert "default-src 'none'; script-src 'sha256-" in page
    assert "unsafe" not in page.split("<style>")[0]
    assert " src=" not in page
    assert "href=" not in page
    assert "http://" not in page.split("<script>")[0]
    assert build() == page
