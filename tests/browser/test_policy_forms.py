"""Somebody who writes no YAML builds a gate with forms; the unsafe one is refused, and the safe one a click away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_policies_pages import arrive, installation

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Open = Callable[[], BrowserContext]
CHANGE = re.compile(r'\bchange=|name="change"')
SAFE = """\
  # Which calls an agent may make, with every argument of each, and which of them stop for a person.
  restart_service:
    arguments:
      service: {one_of: ["{incident.service}"]}
      ticket: {regex: "OPS-[0-9]+"}
      replicas: {range: {min: 1, max: 10}}
      environment: {one_of: [production, staging, dev]}
    gate:
      message: Production needs a person.
      unless:
        environment: {one_of: [staging, dev]}
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with installation(tmp_path / "data") as running:
        yield running


def part(page: Page, name: str) -> Locator:
    """Return one of the forms, opened."""
    found = page.locator(".editor-part", has=page.get_by_role("heading", name=name))
    if found.get_attribute("open") is None:
        found.locator("summary").click()
    return found


def choose(form: Locator, label: str, option: str) -> None:
    """Choose, and wait for what the form becomes by it."""
    form.get_by_label(label, exact=True).select_option(option)
    chosen = {"Tool": "of_tool", "Argument": "of_argument", "What it may be": "of_kind"}[label]
    expect(form.locator(f"[name$={chosen}]")).to_have_value(option)


def stop(form: Locator, label: str) -> None:
    """Choose which calls stop, and wait for what the form becomes by it."""
    choice = form.get_by_label(label)
    choice.check()
    expect(form.locator("[name=gate-of_form]")).to_have_value(choice.input_value())


def put(form: Locator) -> None:
    with form.page.expect_response(lambda answer: bool(CHANGE.search(answer.request.post_data or ""))):
        form.get_by_role("button", name=re.compile("into the text")).click()


def set_rule(page: Page, argument: str, kind: str, **fields: str) -> None:
    form = part(page, "What an argument may be")
    if form.get_by_label("Argument", exact=True).input_value() != "+":
        choose(form, "Argument", "+")
    form.get_by_label("Its name (argument)").fill(argument)
    choose(form, "What it may be", kind)
    for label, text in fields.items():
        form.get_by_label(label.replace("_", " ")).fill(text)
    put(form)
    expect(page.locator("[data-part=said]")).to_contain_text(f"{argument}: ")


def test_an_author_builds_a_gate_with_forms(demo: Demo, open_browser: Open) -> None:
    paula = arrive(demo, open_browser, "paula", "Paula", "policy_author")
    paula.goto(f"{demo.address}/policies/")
    paula.get_by_label("Name", exact=True).fill("night-shift")
    paula.get_by_role("button", name="Begin", exact=True).click()
    paula.wait_for_load_state()  # until then no script hears what is chosen
    text = paula.get_by_label("The policy, as YAML")
    said = paula.locator("[data-part=said]")

    form = part(paula, "What an argument may be")
    form.get_by_label("Its name (tool)").fill("restart_service")
    set_rule(paula, "service", "one_of", Texts="{incident.service}")
    expect(said).to_have_text("Changed line 8: restart_service:")
    set_rule(paula, "ticket", "regex", Regular_expression="OPS-[0-9]+")
    set_rule(paula, "replicas", "range", At_least="1", At_most="10")
    set_rule(paula, "environment", "one_of", Texts="production\nstaging\ndev")
    expect(text).to_have_value(re.compile(re.escape(SAFE.partition("    gate:")[0]) + "$"))
    tries_a_value(paula)
    goes_on_typing(paula)

    form = part(paula, "Which calls stop")
    stop(form, "Every call, unless")
    form.get_by_label("staging").check()
    form.get_by_label("dev").check()
    form.get_by_label("What people read").fill("Production needs a person.")
    put(form)
    expect(text).to_have_value(re.compile(re.escape(SAFE) + "$"))
    expect(said).to_contain_text("Changed line 14: gate:")
    expect(paula.locator("#findings")).not_to_contain_text("Must be changed")
    expect(paula.locator("#summary")).to_contain_text('unless environment is one of "staging", "dev"')
    look(paula, "policy-gate-form")

    the_unsafe_form_is_refused(paula, text)
    by_the_lint_too(paula, text)
    in_the_text_alone(paula, text)


def goes_on_typing(page: Page) -> None:
    """What is typed while a choice is answered is there afterwards, and the choice holds."""
    form = part(page, "What an argument may be")
    texts = form.get_by_label("Texts")
    with_held: list[Route] = []
    page.route("**/policies/forms/rule/", lambda route: with_held.append(route), times=1)
    with page.expect_request("**/policies/forms/rule/"):
        form.get_by_label("What it may be", exact=True).select_option("not_one_of")
    texts.fill("qa")
    with page.expect_request("**/policies/forms/rule/"):
        with_held[0].continue_()
    expect(form.locator("[name$=of_kind]")).to_have_value("not_one_of")
    expect(texts).to_have_value("qa")
    choose(form, "What it may be", "one_of")


def tries_a_value(page: Page) -> None:
    form = part(page, "What an argument may be")
    value, answer = form.get_by_label("Try a value"), form.locator("#rule-answer")
    for typed, verdict in (("staging", "Allowed"), ("Production", "Refused"), ("prоduction", "Refused")):
        value.fill(typed)
        expect(answer).to_contain_text(verdict)
    expect(answer).to_contain_text("pr\\u043eduction")
    expect(value).to_be_focused()
    look(page, "policy-rule-form")


def the_unsafe_form_is_refused(page: Page, text: Locator) -> None:
    """Any environment, and a gate on exactly one: the form itself refuses it."""
    before = text.input_value()
    rule = part(page, "What an argument may be")
    choose(rule, "Argument", "environment")
    choose(rule, "What it may be", "anything")
    put(rule)
    expect(text).to_have_value(
        before.replace("environment: {one_of: [production, staging, dev]}", "environment: anything")
    )
    gate = part(page, "Which calls stop")
    stop(gate, "Only if")
    gate.get_by_role("group", name="environment").get_by_label("Texts").fill("production")
    put(gate)
    expect(gate.get_by_role("alert")).to_contain_text("The text was not changed")
    expect(gate.get_by_role("group", name="environment").get_by_label("Texts")).to_be_focused()
    expect(text).not_to_have_value(re.compile("when:"))
    gate.get_by_role("button", name="Use the safe form").click()
    expect(text).to_have_value(re.compile(r"message: Production needs a person.\n      always: true\n$"))
    page.get_by_role("button", name="Take it back").click()
    expect(text).to_have_value(re.compile(r"      unless:\n        environment: {one_of: \[staging, dev\]}\n$"))
    expect(text).to_be_focused()


def by_the_lint_too(page: Page, text: Locator) -> None:
    """What is safe with the argument limited is not any more once it may be anything."""
    rule = part(page, "What an argument may be")
    choose(rule, "What it may be", "one_of")
    rule.get_by_label("Texts").fill("production\nstaging\ndev")
    put(rule)
    gate = part(page, "Which calls stop")
    stop(gate, "Only if")
    gate.get_by_label("production").check()
    put(gate)
    expect(text).to_have_value(re.compile(r"      when:\n        environment: {one_of: \[production\]}\n$"))
    choose(part(page, "What an argument may be"), "What it may be", "anything")
    put(rule)
    expect(page.locator("#findings")).to_contain_text("near misses")
    page.locator("#findings").get_by_role("button", name="Use the safe form").click()
    expect(text).to_have_value(re.compile("      always: true\n$"))
    expect(page.locator("#findings")).not_to_contain_text("Must be changed")
    expect(text).to_be_focused()


def in_the_text_alone(page: Page, text: Locator) -> None:
    """A change keeps the caret; a text that cannot be read makes the forms wait, and loses nothing."""
    text.evaluate("(area) => { area.focus(); area.setSelectionRange(area.value.length, area.value.length) }")
    form = part(page, "People and times")
    form.get_by_label("Seconds to read before approving").fill("20")
    put(form)
    expect(text).to_have_value(re.compile("handed on\nreading_seconds: 20\ntools:"))
    assert text.evaluate("(area) => area.selectionStart === area.value.length")
    form.get_by_label("People who must approve").fill("0")
    put(form)
    expect(form.get_by_label("People who must approve")).to_be_focused()
    look(page, "policy-terms-form")
    sound = text.input_value()
    text.fill(sound + "]")
    expect(form).to_contain_text("The text must be readable first")
    text.fill(sound)
    expect(form.get_by_label("People who must approve")).to_have_value("0")
