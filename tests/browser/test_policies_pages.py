"""A policy is written by one person and published by another, who signs in their browser what it shows."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(300)]

Open = Callable[[], BrowserContext]


@contextmanager
def installation(directory: Path) -> Iterator[Demo]:
    """Run a new installation's website alone."""
    environment = {
        "LOCAL_ACCOUNTS": "true",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    demo = Demo(directory, "serve", "--web-only", environment=environment)
    demo.manage("setup", patience=180)
    with demo:
        demo.line(lambda line: "runs at" in line)
        yield demo


def arrive(demo: Demo, open_browser: Open, username: str, name: str, role: str) -> Page:
    """Create somebody and sign them in in a browser of their own."""
    said = demo.manage_all(("create_person", username, "--name", name, "--role", role), ("sign_in_link", username))
    page = open_browser().new_page()
    page.goto(re.findall(r"http\S+/sign-in/\S+", said)[-1])
    page.get_by_role("button", name="Sign in").click()
    return page


def make_key(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.address}/keys/")
    page.get_by_label("Name of this browser").fill("Laptop")
    page.get_by_role("button", name="Make this browser").click()
    page.locator("enrol-key[data-state=waiting] [data-part=own-fingerprint] code").wait_for()


# What workers would say, and what one of another team says, whose words are long.
TOOLS = """
from warrants.catalogue.contracts import CatalogueTool, Parameter
from warrants.catalogue.services import record

def tool(name, about, **types):
    return CatalogueTool(name, tuple(Parameter(*one) for one in types.items()), about, ())

record(namespace="default", task_queue="incident-agents", tools=[
    tool("drain_queue", "Throw away what waits in a queue.", queue="str", keep_newest="int"),
    tool("read_logs", "Return the newest lines of a service's log.", service="str", minutes="int"),
    tool("restart_service", "Restart every instance of a service.", service="str", environment="str"),
])
"""
LONG = """
record(namespace="finance-ai-prd", task_queue="q" * 200, tools=[
    CatalogueTool("t" * 200, (Parameter("p" * 200, f"list[{'s' * 90}]", False),), "\u202eno word " + "w" * 400, ()),
])
"""


def see_tools(paula: Page, demo: Demo) -> None:
    """Look at the tools, of which one is covered by no policy."""
    demo.manage("shell", "-c", TOOLS)
    paula.goto(f"{demo.address}/policies/")
    paula.get_by_role("link", name="Tools that workers have").click()
    expect(paula.get_by_role("heading", name="restart_service")).to_be_visible()
    look(paula, "tools")
    demo.manage("shell", "-c", TOOLS + LONG)
    paula.get_by_label("Only what no policy allows (1)").check()
    paula.get_by_role("button", name="Show").click()
    expect(paula.get_by_role("heading", name="drain_queue")).to_be_visible()
    expect(paula.get_by_role("heading", name="restart_service")).to_have_count(0)
    expect(paula.get_by_role("heading", name="t" * 200)).to_be_visible()
    paula.set_viewport_size({"width": 360, "height": 740})
    assert paula.locator("html").evaluate("root => root.scrollWidth - root.clientWidth") <= 0


def write(paula: Page, demo: Demo) -> str:
    """Let Paula write the next version of the incident's policy; return its address."""
    paula.goto(f"{demo.address}/policies/")
    look(paula, "policies")
    paula.locator(".policy", has=paula.get_by_role("heading", name="incident-response", exact=True)).get_by_role(
        "button", name="Begin a new version"
    ).click()
    editor = paula.get_by_label("The policy, as YAML")
    text = editor.input_value()
    editor.fill(text.replace("critical: 1 h", "critical: 99 h"))
    expect(paula.locator("#findings")).to_contain_text("lifetimes.critical")
    look(paula, "policy-editor")
    editor.fill(leaking(text))
    expect(paula.locator("#findings")).to_contain_text("near misses")
    look(paula, "policy-lint")
    paula.get_by_role("button", name="Use the safe form").click()
    expect(editor).to_have_value(re.compile(r"unless: {environment: {one_of: \[staging, dev\]}}"))
    expect(paula.locator("#findings")).to_contain_text("Nothing is wrong with it.")
    editor.fill(text.replace("critical: 1 h", "critical: 2 h"))
    expect(paula.locator("#findings")).to_contain_text("Nothing is wrong with it.")
    paula.get_by_role("button", name="Save", exact=True).click()
    expect(paula.locator("policy-change [data-kind=added]", has_text="critical: 2 h")).to_be_visible()
    paula.get_by_role("button", name="Hand on what is saved").click()
    expect(paula.get_by_text("Waits to be published", exact=True)).to_be_visible()
    expect(paula.get_by_role("button", name="Publish version")).to_have_count(0)
    return paula.url


def try_calls(paula: Page) -> None:
    """Let Paula ask what would happen, and what would have happened, under the version that waits."""
    paula.get_by_role("link", name="Try calls on it").click()
    paula.wait_for_load_state()  # until then no script hears what is chosen
    arguments = paula.get_by_label("Its arguments, as JSON")
    paula.get_by_label("Tool").select_option("restart_service")
    expect(arguments).to_have_value(re.compile("environment"))
    paula.get_by_role("button", name="Ask").click()
    expect(paula.locator("#answer [data-outcome=gated]")).to_contain_text("would stop until a person approves")
    expect(paula.locator("#answer")).to_contain_text("environment is not among the values that are exempt")
    look(paula, "policy-simulator")
    arguments.fill(arguments.input_value().replace('"production"', '"staging"'))
    paula.get_by_role("button", name="Ask").click()
    expect(paula.locator("#answer [data-outcome=allowed]")).to_contain_text("would run")
    arguments.fill("{")
    paula.get_by_role("button", name="Ask").click()
    expect(paula.locator("#answer")).to_contain_text("not JSON")
    paula.get_by_role("button", name="Replay them").click()
    expect(paula.locator("#replay")).to_contain_text("There is nothing to compare.")
    look(paula, "policy-simulator-refused")


def leaking(text: str) -> str:
    """Return the policy with any environment, and a gate on exactly one."""
    open_argument = text.replace("environment: {one_of: [production, staging, dev]}", "environment: anything", 1)
    return open_argument.replace(
        "unless:\n        environment: {one_of: [staging, dev]}", "when:\n        environment: {exact: production}", 1
    )


def test_a_second_person_publishes_what_the_first_wrote(tmp_path: Path, open_browser: Open) -> None:
    with installation(tmp_path / "data") as demo:
        olga = arrive(demo, open_browser, "olga", "Olga", "security_administrator")
        make_key(demo, olga)
        demo.manage("bootstrap_root", "olga")
        pete = arrive(demo, open_browser, "pete", "Pete", "policy_publisher")
        make_key(demo, pete)
        paula = arrive(demo, open_browser, "paula", "Paula", "policy_author")
        see_tools(paula, demo)
        address = write(paula, demo)

        try_calls(paula)
        pete.goto(address)
        # Nobody endorsed his key as a policy publisher's yet.
        pete.locator("publish-policy[data-state=not-endorsed]").wait_for()
        olga.goto(f"{demo.address}/keys/endorsements/")
        olga.get_by_role("button", name="I compared it").click()
        row = olga.locator("[data-endorse]", has_text="local:pete")
        expect(row).to_contain_text("publish what agents may do")
        row.get_by_role("button", name="Endorse this key").click()
        olga.locator("[data-endorse]", has_text="local:pete").wait_for(state="detached")

        refused_where_the_page_lies(pete, address)
        pete.goto(address)
        pete.locator("publish-policy[data-state=ready]").wait_for()
        expect(pete.locator("policy-change [data-kind=removed]", has_text="critical: 1 h")).to_be_visible()
        look(pete, "policy-to-publish")
        pete.get_by_role("button", name="Publish version").click()
        expect(pete.get_by_text("In force", exact=True)).to_be_visible()
        paula.goto(f"{demo.address}/policies/")
        expect(paula.get_by_text("local:pete published it")).to_be_visible()


def refused_where_the_page_lies(page: Page, address: str) -> None:
    """The server shows another text than the one that waits: what the browser signs is what it showed."""

    def other_text(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("critical: 2 h", "critical: 1 h"))

    page.route(address, other_text)
    page.goto(address)
    page.locator("publish-policy[data-state=ready]").wait_for()
    page.get_by_role("button", name="Publish version").click()
    expect(page.locator("publish-policy [data-part=error]")).to_contain_text("signed for another version")
    page.unroute(address)
