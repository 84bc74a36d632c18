"""An on-call lead signs the agent's warrant in their browser, and cannot approve what the agent asks for under it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.audit.test_verifiers_agree import NODE, ROOT
from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_endorsing import arrive
from tests.browser.test_story import ALERT, approve, open_card, wait_until_up

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(600)]

# As for the demo, without the demo's own people and alert.
AS_RELEASED = ("tests/browser/policy_manage.py", "warrants/policies/incident-response.yaml")
Open = Callable[[], BrowserContext]
INCIDENT = "PSIGNED"
EXPORT = """
from django.core.management import call_command
from warrants.issuers.queries import trusted_roots
from accounts.endorsements.queries import people_root
call_command("export_receipts", "{warrant}", "--output", "{path}")
print("roots", trusted_roots()[0].hex(), bytes(people_root().public_key).hex())
"""


def hold_ceremony(demo: Demo, open_browser: Open) -> tuple[Page, Page, Page]:
    """Let Olga endorse the keys of Lea and Ada; return the pages of all three."""
    olga = arrive(demo, open_browser, "olga", "Olga", "security_administrator")
    demo.manage("bootstrap_root", "olga")
    lea = arrive(demo, open_browser, "lea", "Lea", "approver")
    ada = arrive(demo, open_browser, "ada", "Ada Lovelace", "approver")
    olga.goto(f"{demo.address}/keys/endorsements/")
    olga.get_by_role("button", name="I compared it").first.click()
    olga.locator("endorse-keys[data-state=ready]").wait_for()
    for person in ("local:lea", "local:ada"):
        row = olga.locator("[data-endorse]", has_text=person)
        row.get_by_role("button", name="Endorse this key").click()
        row.wait_for(state="detached")
    for page in (lea, ada):
        page.locator("enrol-key[data-state=enrolled]").wait_for()
    return olga, lea, ada


def order(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/incidents/")
    page.get_by_role("link", name="Mint a warrant").click()
    page.get_by_label("Policy").select_option("incident-response")
    page.get_by_label("Severity").select_option("high")
    page.get_by_label("Incident").fill(INCIDENT)
    page.get_by_label("Title").fill("High error rate")
    page.get_by_label("Service").fill("payment-service-prod")
    # Approvers have no other choice: only administrators let the installation sign.
    expect(page.get_by_label("Signed by").locator("option")).to_have_count(1)
    expect(page.locator("signing-key [data-part=status]")).to_contain_text("this browser’s key")
    look(page, "mint-with-own-key")
    page.get_by_role("button", name="Mint").click()
    page.locator("sign-warrant[data-state=ready]").wait_for()


def refused_where_the_page_lies(page: Page) -> None:
    """The server names another agent's key: the browser signs for that one only if the draft is for it."""

    def other_agent(route: Route) -> None:
        answer = route.fetch()
        lied = re.sub(r'"agent_key": "[0-9a-f]{64}"', f'"agent_key": "{"ab" * 32}"', answer.text())
        route.fulfill(response=answer, body=lied)

    page.route(page.url, other_agent)
    page.reload()
    page.locator("sign-warrant[data-state=refused]").wait_for()
    expect(page.locator("[data-part=faults]")).to_contain_text("for another key than the agent's")
    expect(page.get_by_role("button", name="Sign the warrant")).to_have_count(0)
    page.unroute(page.url)
    page.reload()
    page.locator("sign-warrant[data-state=ready]").wait_for()


def sign(page: Page) -> str:
    """Give the agent less, and sign that; return the warrant's id."""
    address = page.url
    page.get_by_text("Give the agent less").click()
    page.get_by_label("scale_service").uncheck()
    page.get_by_label("Minutes from now").fill("30")
    page.get_by_role("button", name="Look at this instead").click()
    page.locator("sign-warrant[data-state=ready]").wait_for()
    expect(page.locator("[data-part=lost]")).to_contain_text("without scale_service")
    expect(page.locator("[data-part=tools]")).to_contain_text("needs a signature unless environment is")
    look(page, "sign-warrant")
    page.get_by_role("button", name="Sign the warrant").click()
    expect(page.get_by_text("You signed it")).to_be_visible()
    expect(page.locator(".token-text")).to_have_count(2)
    found = re.search(r"tnu_wrt_[0-9a-f]{32}", address)
    assert found
    return found.group()


def test_a_lead_signs_the_warrant_that_the_incident_runs_under(tmp_path: Path, open_browser: Open) -> None:
    demo = Demo(tmp_path / "data", "serve", program=AS_RELEASED)
    demo.manage("setup", patience=180)
    with demo:
        first = open_browser().new_page()
        wait_until_up(first, f"{demo.address}/accounts/login/")
        first.context.close()
        olga, lea, ada = hold_ceremony(demo, open_browser)
        order(lea, demo)
        olga.goto(f"{demo.address}/warrants/")
        expect(olga.get_by_role("main")).to_contain_text("Waits for local:lea’s signature")
        refused_where_the_page_lies(lea)
        warrant = sign(lea)
        told_where_it_comes_from(olga)

        # The alert finds the warrant that waits for it.
        demo.manage("alert", ALERT, "--id", INCIDENT)
        ada.goto(f"{demo.address}/approvals/")
        open_card(ada)
        expect(ada.locator("[data-part=warrant]")).to_contain_text("local:lea")
        refused_to_the_lead(lea, ada.url)
        approve(ada)

        ada.goto(f"{demo.address}/incidents/{warrant}/")
        expect(ada.get_by_text(re.compile("workflow complete", re.IGNORECASE)).first).to_be_visible(timeout=30_000)
        expect(ada.get_by_text("warrant-handed-on")).to_be_visible()
        evidence_verifies(demo, warrant, tmp_path)


def told_where_it_comes_from(olga: Page) -> None:
    olga.reload()
    olga.get_by_text("Where it comes from: 2 warrants").click()
    steps = olga.locator(".lineage-step")
    expect(steps.first).to_contain_text("the issuer root signed it for local:lea")
    expect(steps.last).to_contain_text("local:lea signed it for the agent incident-agent")
    expect(steps.last).to_contain_text("without scale_service")
    look(olga, "warrant-lineage")


def refused_to_the_lead(lea: Page, request: str) -> None:
    """The page offers nothing, and what is sent all the same is refused."""
    lea.goto(request)
    lea.locator("sign-decision[data-state]").wait_for()
    expect(lea.get_by_role("button", name=re.compile("^approve", re.IGNORECASE))).to_have_count(0)


def evidence_verifies(demo: Demo, warrant: str, directory: Path) -> None:
    """Offline, with Python and with JavaScript, down to whose key handed the warrant on."""
    path = directory / "evidence.jsonl"
    _, root, people_root = demo.manage("shell", "-c", EXPORT.format(warrant=warrant, path=path)).split()[-3:]
    command = [sys.executable, "-m", "audit.verify", str(path), "--root", root, "--people-root", people_root]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "handed on by local:lea to its agent" in said
    asked = directory / "asked.json"
    asked.write_text(json.dumps([{"path": str(path), "roots": [root], "people_roots": [people_root]}]))
    node = [str(NODE), str(ROOT / "tests" / "js" / "verdicts.js"), str(asked)]
    (verdict,) = json.loads(subprocess.run(node, capture_output=True, text=True, check=True).stdout)
    assert (verdict["verified"], verdict["failures"]) == (True, [])
