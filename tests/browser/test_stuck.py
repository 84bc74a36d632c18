"""The relay is away: the page says by itself that the decision is stuck, since when and why, and turns back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_story import make_key, open_card, sign_in, wait_until_up

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]


def test_a_decision_that_nobody_delivers_is_shown_as_stuck_until_a_relay_runs(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    data, context = tmp_path / "data", open_browser()
    with Demo(data) as demo:
        page = sign_in(context, demo)
        make_key(page, demo)
        demo.line(lambda line: "awaiting approval" in line)
        demo.kill()

    # The web server and Temporal are back; relay and workers are not.
    with Demo(data, "serve", "--web-only", ports=demo.ports) as web:
        queue = context.new_page()
        wait_until_up(queue, f"{web.address}/approvals/")
        queue.locator("live-queue[data-state=live]").wait_for()
        expect(queue.locator("#backlog")).to_have_attribute("data-waiting", "0")
        page.goto(f"{web.address}/approvals/")
        open_card(page)
        for shown in (page, queue):
            shown.evaluate("window.neverReloaded = true")
        page.get_by_role("button", name=re.compile("approve", re.IGNORECASE)).click()
        expect(step(page, "Delivered")).to_have_attribute("data-state", "waiting")

        expect(step(page, "Delivered")).to_have_attribute("data-state", "stuck", timeout=30_000)
        expect(step(page, "Delivered")).to_contain_text(re.compile(r"stuck since\s+\d\d:\d\d:\d\d"))
        expect(step(page, "Delivered")).to_contain_text("Because no relay takes it")
        expect(page.locator("[data-part=announce]")).to_contain_text("takes too long")
        expect(queue.locator("#backlog")).to_contain_text("1 decision waits for Temporal", timeout=15_000)
        look(page, "request-stuck")
        look(queue, "queue-backlog")

        with Demo(data, "worker", environment={"TEMPORAL_ADDRESS": f"127.0.0.1:{demo.ports[1]}"}):
            # On SQLite no event comes from another process. If the page asks just between delivery and call, it asks
            # again when the call would be late: after two minutes.
            expect(page.locator("#progress")).to_have_attribute("data-state", "executed", timeout=150_000)
            expect(page.locator(".step[data-state=done]")).to_have_count(4)
            expect(queue.locator("#backlog")).to_have_attribute("data-waiting", "0", timeout=15_000)
            assert all(shown.evaluate("window.neverReloaded") for shown in (page, queue))


def step(page: Page, name: str) -> Locator:
    return page.locator(".step").filter(has_text=name)
