"""Which prompt led to this call? The page in a real browser, over the real demo's history."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_story import approve, make_key, open_card, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]


def test_a_payload_reader_finds_the_answer_that_asked_for_a_call(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data") as demo:
        context = open_browser()
        page = sign_in(context, demo)
        make_key(page, demo)
        page.goto(f"{demo.address}/approvals/")
        page.locator("[data-request]").wait_for()
        open_card(page)
        approve(page)
        demo.line(lambda line: "[done]" in line)

        page.goto(f"{demo.address}/incidents/")
        page.get_by_role("link", name=re.compile("payment-service-prod|error rate", re.IGNORECASE)).first.click()
        page.get_by_role("link", name="Which prompt led to this call?").click()
        gated = page.locator(".timeline > li[data-tone=gate]").filter(has_text="restart_service GATE")
        expect(gated).to_contain_text(re.compile(r"Asked for by model call \d"))
        expect(page.get_by_role("main")).not_to_contain_text("It asked for")
        look(page, "timeline")

        gated.get_by_role("link", name=re.compile("Asked for by model call")).click()
        answer = page.locator("li:target")
        expect(answer).to_contain_text(re.compile(r"Led to .*restart_service GATE.*restart_service ALLOWED"))

        demo.manage("grant_role", "on-call-lead", "payload_reader")
        page.reload()
        page.get_by_role("button", name="Show prompts and answers").click()
        expect(page.get_by_role("main")).to_contain_text("Prompts and answers are open")
        asking = page.locator(".timeline > li[data-tone=model]").filter(has_text="restart_service GATE")
        expect(asking).to_contain_text("It asked for")
        expect(page.locator("#model-1")).to_contain_text("Handle this incident.")
        expect(page.locator("#model-1")).to_contain_text("answered by")
        look(page, "timeline-open")
