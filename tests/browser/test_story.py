"""The whole story in a real browser, against the real demo: nothing is stood in for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.temporal_ui import PATIENCE_MS, use_codec_server

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

ALERT = "workers/incident/alerts/examples/high-error-rate.json"


def sign_in(context: BrowserContext, demo: Demo) -> Page:
    page = context.pages[0] if context.pages else context.new_page()
    page.goto(demo.sign_in_link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.address}/keys/")
    return page


def make_key(page: Page, demo: Demo, name: str = "Work laptop") -> None:
    page.goto(f"{demo.address}/keys/")
    page.get_by_label("Name of this browser").fill(name)
    look(page, "keys-before")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=enrolled]").wait_for()


def open_card(page: Page) -> None:
    page.locator("[data-request] a").first.click()
    page.locator("sign-decision[data-state=ready]").wait_for()


def approve(page: Page) -> None:
    page.get_by_role("button", name=re.compile("approve", re.IGNORECASE)).click()
    expect(page.locator("#progress")).to_have_attribute("data-state", "executed", timeout=30_000)


def read_payloads(page: Page, demo: Demo) -> None:
    """Do what the terminal says: Temporal's UI shows ciphertext, and then what the alert said."""
    history = demo.line(lambda line: "Temporal has only ciphertext" in line).split()[-1]
    endpoint = demo.line(lambda line: line.strip().endswith("/codec")).strip()
    page.goto(history)
    arguments = page.get_by_role("textbox", name="Input")
    expect(arguments).to_have_text(re.compile(r"^[^ ]{200,}$"), timeout=PATIENCE_MS)
    use_codec_server(page, endpoint)
    expect(arguments).to_contain_text("payment-service-prod", timeout=PATIENCE_MS)
    page.goto(demo.line(lambda line: "/payloads/" in line).split()[-1])
    expect(page.locator(".sitting").first).to_contain_text("local:on-call-lead")


def test_an_on_call_lead_signs_and_signs_again_after_the_browser_restarts(
    tmp_path: Path, open_profile: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data") as demo:
        context = open_profile()
        page = sign_in(context, demo)

        queue = context.new_page()
        queue.goto(f"{demo.address}/approvals/")
        queue.locator("live-queue[data-state=live]").wait_for()
        look(queue, "queue-empty")
        queue.evaluate("window.neverReloaded = true")

        make_key(page, demo)
        look(page, "keys")

        # The alert fires now, and the card comes by itself.
        queue.locator("[data-request]").wait_for()
        assert queue.evaluate("window.neverReloaded")
        expect(queue).to_have_title(re.compile(r"\(1\)|1 "))
        look(queue, "queue")

        open_card(queue)
        expect(queue.locator("table.arguments")).to_contain_text("payment-service-prod")
        look(queue, "request")
        approve(queue)
        look(queue, "request-executed")

        demo.line(lambda line: "[tool ✓] restart_service" in line and "signed approval verified" in line)
        demo.line(lambda line: "post_status" in line)

        queue.goto(f"{demo.address}/incidents/")
        look(queue, "incidents")
        queue.get_by_role("link", name=re.compile("payment-service-prod|error rate", re.IGNORECASE)).first.click()
        expect(queue.get_by_text(re.compile("workflow complete", re.IGNORECASE)).first).to_be_visible()
        look(queue, "receipts")

        refused_to_export(page)
        read_payloads(page, demo)
        context.close()

        page = open_profile().new_page()
        demo.manage("alert", ALERT, "--id", "PSECOND")
        page.goto(f"{demo.address}/approvals/")
        open_card(page)
        approve(page)


def refused_to_export(page: Page) -> None:
    """The private key cannot be read out, by any code on the page."""
    outcome = page.evaluate(
        """async () => {
          const database = await new Promise((done, failed) => {
            const opening = indexedDB.open("countersign");
            opening.onsuccess = () => done(opening.result);
            opening.onerror = () => failed(opening.error);
          });
          const stored = await new Promise((done) => {
            const reading = database.transaction("keys").objectStore("keys").getAll();
            reading.onsuccess = () => done(reading.result);
          });
          const answers = [];
          for (const {pair} of stored) {
            for (const format of ["pkcs8", "jwk", "raw"]) {
              try { await crypto.subtle.exportKey(format, pair.privateKey); answers.push("exported"); }
              catch (error) { answers.push(error.name); }
            }
          }
          return answers;
        }"""
    )
    assert len(outcome) == 3
    assert "exported" not in outcome


def test_a_request_survives_kill_9_of_the_one_process_and_executes_once(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    data = tmp_path / "data"
    context = open_browser()
    with Demo(data) as demo:
        page = sign_in(context, demo)
        make_key(page, demo)
        demo.line(lambda line: "awaiting approval" in line)
        demo.kill()

    with Demo(data, "serve", ports=demo.ports) as again:
        page = context.pages[0]
        wait_until_up(page, f"{again.address}/approvals/")
        open_card(page)
        approve(page)
        again.manage("export_receipts", newest_incident(page, again), "--output", str(tmp_path / "evidence.jsonl"))

    restarts = (tmp_path / "evidence.jsonl").read_text()
    assert restarts.count("\n") > 5
    assert executed_restarts(data) == 1


def wait_until_up(page: Page, address: str) -> None:
    for _ in range(120):
        try:
            page.goto(address)
        except Exception:  # the connection is refused until the process listens
            page.wait_for_timeout(250)
        else:
            return
    raise AssertionError("The restarted process did not answer.")


def newest_incident(page: Page, demo: Demo) -> str:
    page.goto(f"{demo.address}/incidents/")
    chain = re.search(r"tnu_wrt_[0-9a-f]{32}", page.content())
    assert chain
    return chain.group()


def executed_restarts(data: Path) -> int:
    """Return how often the simulated estate was really restarted: every effect leaves a line."""
    (effects,) = data.rglob("effects.jsonl")
    return sum(json.loads(line)["tool"] == "restart_service" for line in effects.read_text().splitlines())


def test_an_on_call_lead_sees_what_the_agent_tried_before_and_denies_with_a_reason(
    tmp_path: Path, open_browser: Callable[[], BrowserContext]
) -> None:
    with Demo(tmp_path / "data", "demo", "--alert", ALERT.replace("high-error-rate", "injection")) as demo:
        page = sign_in(open_browser(), demo)
        make_key(page, demo)
        demo.line(lambda line: "awaiting approval" in line)
        page.goto(f"{demo.address}/approvals/")
        open_card(page)
        expect(page.get_by_role("main")).to_contain_text("the agent tried what it may not do")
        look(page, "request-misled")

        deny = page.get_by_role("button", name=re.compile("deny", re.IGNORECASE))
        deny.click()
        expect(page.locator("[data-part=error]")).to_contain_text(re.compile("reason", re.IGNORECASE))
        page.get_by_label("Reason").fill("It tried to delete a database. That runbook is false.")
        deny.click()
        expect(page.locator("#progress")).to_have_attribute("data-state", "denied", timeout=30_000)
        look(page, "request-denied")

        demo.line(lambda line: "[hitl ✗] denied by the on-call lead" in line and "That runbook is false." in line)
        demo.line(lambda line: "[done]" in line)
        assert "[tool ✓] restart_service" not in "".join(demo.lines)
