"""From an idea to a running agent, in a real browser against the real process: nothing is stood in for.

Paula writes what agents may do, Pete publishes it, Olga mints a warrant from it for an incident, and when the alert of
that incident comes, the demo's agent works under that warrant until Ada approves its restart.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from audit.statements.kinds import EntryKind
from audit.statements.statements import parse
from tests.browser.demo import ROOT, Demo
from tests.browser.test_policies_pages import leaking, make_key
from tests.browser.test_story import ALERT, approve, executed_restarts, open_card
from workers.demo.approver import bare_environment
from workers.incident.alerts import signatures
from workers.management.commands.alert import with_incident_id

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

Open = Callable[[], BrowserContext]

POLICY, SERVICE, SEVERITY = "incident-response", "payment-service-prod", "high"
PEOPLE = {
    "olga": ("Olga", "security_administrator"),
    "pete": ("Pete", "policy_publisher"),
    "paula": ("Paula", "policy_author"),
    "ada": ("Ada", "approver"),
}
RUN_MS = 60_000
WEBHOOK_SECRET = secrets.token_urlsafe(24)


def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Keep what the page shows, or its beginning, where ``SCREENSHOTS`` says; the tests of each page look closer."""
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page.screenshot(path=str(Path(directory) / f"{name}-desktop-light.png"), full_page=whole)


@dataclass
class House:
    """A running installation, everybody's browser, and what an auditor has to know to verify its evidence."""

    demo: Demo
    pages: dict[str, Page]
    roots: tuple[str, ...]

    def page(self, name: str, path: str) -> Page:
        """Open a page in somebody's browser, and let them dismiss what they are told there."""
        page = self.pages[name]
        page.goto(f"{self.demo.address}{path}")
        told = page.get_by_role("button", name="I have seen this")
        while told.count():
            with page.expect_navigation():
                told.first.click()
        return page


def begin(demo: Demo, open_browser: Open, said: str) -> House:
    """Sign everybody in, in a browser of their own, and endorse the keys of those who sign."""
    links = dict(zip(PEOPLE, re.findall(r"http\S+/sign-in/\S+", said), strict=True))
    house = House(demo, {}, ())
    arrive(house, open_browser, "olga", links)
    # Browsers that make a key later pin this root.
    told = demo.manage("bootstrap_root", "olga")
    for name in ("pete", "ada", "paula"):
        arrive(house, open_browser, name, links)
    root, people_root = re.search(r"root key is ([0-9a-f]{64})", said), re.search(r"PEOPLE_ROOTS=([0-9a-f]{64})", told)
    assert root
    assert people_root
    house.roots = ("--root", root[1], "--people-root", people_root[1])
    olga = house.page("olga", "/keys/endorsements/")
    olga.get_by_role("button", name="I compared it").click()
    for name in ("pete", "ada"):
        row = olga.locator("[data-endorse]", has_text=f"local:{name}")
        row.get_by_role("button", name="Endorse this key").click()
        row.wait_for(state="detached")
    return house


def arrive(house: House, open_browser: Open, name: str, links: dict[str, str]) -> None:
    page = house.pages[name] = open_browser().new_page()
    page.goto(links[name])
    page.get_by_role("button", name="Sign in").click()
    if name != "paula":
        make_key(house.demo, page)


def write(house: House, change: Callable[[Page, str], str]) -> str:
    """Let Paula begin the next version, ``change`` it and hand it on; return its text."""
    paula = house.page("paula", "/policies/")
    paula.locator(".policy", has=paula.get_by_role("heading", name=POLICY, exact=True)).get_by_role(
        "button", name="Begin a new version"
    ).click()
    editor = paula.get_by_label("The policy, as YAML")
    text = change(paula, editor.input_value())
    paula.get_by_role("button", name="Save", exact=True).click()
    expect(paula.locator("policy-change [data-kind=added]").first).to_be_visible()
    paula.get_by_role("button", name="Hand on what is saved").click()
    expect(paula.get_by_text("Waits to be published", exact=True)).to_be_visible()
    return text


def publish(house: House, number: int) -> None:
    pete = house.page("pete", f"/policies/{POLICY}/{number}/")
    pete.locator("publish-policy[data-state=ready]").wait_for()
    picture(pete, f"studio-publish-{number}", whole=False)
    pete.get_by_role("button", name="Publish version").click()
    expect(pete.get_by_text("In force", exact=True)).to_be_visible()


def mint(house: House, incident: str) -> str:
    """Let Olga mint the warrant of an incident that is to come; return its id."""
    olga = house.page("olga", "/warrants/mint/")
    olga.get_by_label("Policy").select_option(POLICY)
    olga.get_by_label("Severity").select_option(SEVERITY)
    for label, value in (("Incident", incident), ("Title", f"{SERVICE} again"), ("Service", SERVICE)):
        olga.get_by_label(label, exact=True).fill(value)
    picture(olga, f"studio-mint-{incident}")
    olga.get_by_role("button", name="Mint", exact=True).click()
    said = olga.get_by_role("status").filter(has_text="The warrant is minted")
    found = re.search(r"tnu_wrt_[0-9a-f]{32}", said.inner_text())
    assert found
    return found.group()


def the_seeds_example(paula: Page, text: str) -> str:
    """Write a gate that near values slip past; lint refuses it, and what it proposes instead is taken."""
    editor = paula.get_by_label("The policy, as YAML")
    editor.fill(leaking(text))
    expect(paula.locator("#findings")).to_contain_text("near misses")
    picture(paula, "studio-refused")
    paula.get_by_role("button", name="Use the safe form").click()
    expect(editor).to_have_value(re.compile(r"unless: {environment: {one_of: \[staging, dev\]}}"))
    expect(paula.get_by_role("button", name="Use the safe form")).to_have_count(0)
    assert "environment: anything" in editor.input_value()
    return editor.input_value()


def asking_nobody(paula: Page, text: str) -> str:
    """Take the gate out of restarts; lint tells that this is wider than before."""
    less = re.sub(r"(  restart_service:\n    arguments:\n(?:      .*\n)+)    gate:\n(?:      .*\n)+", r"\1", text)
    assert less != text
    editor = paula.get_by_label("The policy, as YAML")
    editor.fill(less)
    expect(paula.locator("#findings")).to_contain_text("tools.restart_service")
    return less


def send_alert(house: House, incident: str) -> None:
    body = with_incident_id((ROOT / ALERT).read_bytes(), incident)
    headers = {"Content-Type": "application/json", signatures.HEADER: signatures.sign(body, WEBHOOK_SECRET)}
    answer = httpx.post(f"{house.demo.address}/hooks/alerts/", content=body, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text


def completed(house: House, warrant: str) -> None:
    """Return when the run under ``warrant`` is over, as the page of its incident says by itself."""
    page = house.page("ada", f"/incidents/{warrant}/")
    expect(page.get_by_text(re.compile("workflow complete", re.IGNORECASE)).first).to_be_visible(timeout=RUN_MS)


def verified(evidence: Path, roots: tuple[str, ...]) -> tuple[dict[str, object], str]:
    """Verify a file where nothing is known but the roots; return what it says of the policy, and the report."""
    done = subprocess.run(
        [sys.executable, "-m", "audit.verify", str(evidence), *roots],
        cwd=ROOT, env=bare_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in evidence.read_text().splitlines()]
    (minted,) = (line["entry"] for line in lines if line.get("kind") == EntryKind.WARRANT_MINTED)
    return parse(base64.b64decode(minted)).facts["details"]["policy"], done.stdout


def named(number: int, text: str) -> dict[str, object]:
    return {"name": POLICY, "version": number, "digest": sha256(text.encode()).digest()}


@contextmanager
def installation(directory: Path) -> Iterator[tuple[Demo, str]]:
    """Run a new installation; yield it with what was said when its people were made."""
    environment = {
        "LOCAL_ACCOUNTS": "true",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALERT_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    }
    demo = Demo(directory, "serve", environment=environment)
    created = [("create_person", name, "--name", shown, "--role", role) for name, (shown, role) in PEOPLE.items()]
    said = demo.manage_all(("setup",), *created, *(("sign_in_link", name) for name in PEOPLE))
    with demo:
        demo.line(lambda line: "runs at" in line)
        yield demo, said


def test_a_policy_is_written_published_minted_from_and_worked_under(tmp_path: Path, open_browser: Open) -> None:
    with installation(tmp_path / "data") as (demo, said):
        tell(begin(demo, open_browser, said), tmp_path)
    assert executed_restarts(tmp_path / "data") == 2


def tell(house: House, directory: Path) -> None:
    written = write(house, the_seeds_example)
    publish(house, 3)
    warrant = mint(house, "PSTUDIO")
    send_alert(house, "PSTUDIO")
    ada = house.page("ada", "/approvals/")
    open_card(ada)
    picture(ada, "studio-request", whole=False)
    approve(ada)
    completed(house, warrant)
    picture(ada, "studio-incident")

    # The next version asks nobody about restarts, which the release's own does: workers follow what was published.
    written_next = write(house, asking_nobody)
    publish(house, 4)
    warrant_next = mint(house, "PUNASKED")
    send_alert(house, "PUNASKED")
    completed(house, warrant_next)

    files = {one: directory / f"{one}.jsonl" for one in (warrant, warrant_next)}
    house.demo.manage_all(*(("export_receipts", one, "--output", str(file)) for one, file in files.items()))
    policy, report = verified(files[warrant], house.roots)
    assert policy == named(3, written)
    assert f"{POLICY}@3, written by local:paula, published by local:pete" in report
    assert "approved by local:ada" in report
    policy, report = verified(files[warrant_next], house.roots)
    assert policy == named(4, written_next)
    assert EntryKind.APPROVAL_REQUESTED not in report
