from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.browser.chromium import launch_options

# What is expected comes; how soon is for the bench to say, and machines are noisy.
expect.set_options(timeout=20_000)

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
# What the dark scheme can change: it has other colours, and nothing else.
OF_COLOURS = ("color-contrast", "link-in-text-block")
WIDTHS = {"desktop": (1280, 900), "phone": (360, 740)}


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One running Chromium: to start one costs more than most tests do."""
    running = playwright.chromium.launch(**launch_options())
    yield running
    running.close()


@pytest.fixture
def open_browser(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of somebody's own: no two share cookies, storage or keys."""
    opened: list[BrowserContext] = []

    def open_it(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(30_000)
        opened.append(context)
        return context

    yield open_it
    for context in opened:
        context.close()


@pytest.fixture
def open_profile(playwright: Playwright, tmp_path: Path) -> Iterator[Callable[[], BrowserContext]]:
    """Open the same browser profile, again and again: what a restart keeps, it keeps."""
    opened: list[BrowserContext] = []

    def open_it(**options: Any) -> BrowserContext:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"), **{**launch_options(), "viewport": {"width": 1280, "height": 900}, **options}
        )
        context.set_default_timeout(30_000)
        opened.append(context)
        return context

    yield open_it
    for context in opened:
        context.close()


def check_accessibility(page: Page, *rules: str) -> None:
    """Fail unless axe finds nothing on the page as it is, by all of its rules or by ``rules``."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text() + "\n;undefined")
    # Details of what is right would take longer than finding what is wrong.
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    assert not found, [
        f"{violation['id']}: {violation['help']} at {[node['target'] for node in violation['nodes']]}"
        for violation in found
    ]


def look(page: Page, name: str) -> None:
    """Check the page in light and dark, wide and narrow; keep pictures where ``SCREENSHOTS`` says."""
    directory = os.environ.get("SCREENSHOTS")
    before = page.viewport_size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for device, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            # A page that is just being replaced has no document to measure.
            page.wait_for_load_state()
            overflow = page.locator("html").evaluate("root => root.scrollWidth - root.clientWidth")
            assert overflow <= 0, f"{name} is {overflow} px wider than a {device} screen"
            check_accessibility(page, *(OF_COLOURS if scheme == "dark" else ()))
            if directory:
                path = Path(directory) / f"{name}-{device}-{scheme}.png"
                # What is stuck to the edge of the screen lies where it belongs at the end of the page.
                page.evaluate("scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'})")
                page.screenshot(path=str(path), full_page=True)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    if before:
        page.set_viewport_size(before)
