"""Several people at one request, each in a browser of their own, against the real application and Temporal server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo
from tests.browser.test_endorsing import arrive
from tests.browser.test_story import ALERT, make_key, open_card, sign_in, wait_until_up

pytestmark = [pytest.mark.browser, pytest.mark.temporal, pytest.mark.timeout(600)]

PROGRAM = "tests/browser/policy_manage.py"
TWO_OF_THREE = (PROGRAM, "tests/browser/policies/two_of_three.yaml")
SLOW = (PROGRAM, "tests/browser/policies/slow.yaml")
TARGET = "payment-service-prod"
REASON = "The pool is exhausted, and the rollback is staged."

Open = Callable[[], BrowserContext]


def hold_ceremony(demo: Demo, open_browser: Open) -> tuple[Page, Page]:
    """Let Olga endorse the keys of three approvers; return the pages of two of them."""
    olga = arrive(demo, open_browser, "olga", "Olga", "security_administrator")
    demo.manage("bootstrap_root", "olga")
    ada = arrive(demo, open_browser, "ada", "Ada Lovelace", "approver")
    grace = arrive(demo, open_browser, "grace", "Grace Hopper", "approver")
    arrive(demo, open_browser, "hedy", "Hedy Lamarr", "approver").context.close()
    olga.goto(f"{demo.address}/keys/endorsements/")
    olga.get_by_role("button", name="I compared it").first.click()
    olga.locator("endorse-keys[data-state=ready]").wait_for()
    for person in ("local:ada", "local:grace", "local:hedy"):
        row = olga.locator("[data-endorse]", has_text=person)
        row.get_by_role("button", name="Endorse this key").click()
        row.wait_for(state="detached")
    olga.context.close()
    for page in (ada, grace):
        page.locator("enrol-key[data-state=enrolled]").wait_for()
    return ada, grace


def open_queue(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/approvals/")
    page.locator("live-queue[data-state=live]").wait_for()


def open_request(page: Page) -> None:
    open_card(page)
    page.evaluate("window.neverReloaded = true")


def is_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.neverReloaded === true"))


def test_two_of_three_sign_and_see_each_other_and_the_slower_of_two_is_told(tmp_path: Path, open_browser: Open) -> None:
    demo = Demo(tmp_path / "data", "serve", program=TWO_OF_THREE)
    demo.manage("setup", patience=180)
    with demo:
        ada, grace = sign_in_all(demo, open_browser)
        two_sign_one_request(demo, ada, grace)
        one_is_slower(demo, ada, grace)


def sign_in_all(demo: Demo, open_browser: Open) -> tuple[Page, Page]:
    first = open_browser().new_page()
    wait_until_up(first, f"{demo.address}/accounts/login/")
    first.context.close()
    return hold_ceremony(demo, open_browser)


def two_sign_one_request(demo: Demo, ada: Page, grace: Page) -> None:
    for page in (ada, grace):
        open_queue(page, demo)
    demo.manage("alert", ALERT, "--id", "PQUORUM")
    open_request(ada)

    # Presence: on the card, and on the page.
    card = grace.locator("[data-request]").first
    expect(card).to_contain_text("Ada Lovelace is looking, for less than a minute")
    look(grace, "queue-looking")
    open_request(grace)
    expect(grace.locator("#who .lookers")).to_have_text(re.compile("Ada Lovelace, for less than a minute"))
    expect(ada.locator("#who .lookers")).to_have_text(re.compile("Grace Hopper, for less than a minute"))

    # A claim is seen by the other, may be taken over, and keeps nobody from deciding.
    ada.get_by_role("button", name="I am working on this").click()
    expect(ada.locator("#who")).to_contain_text("You work on this")
    expect(grace.locator("#who")).to_contain_text("Ada Lovelace works on this")
    look(grace, "request-claimed")
    grace.get_by_role("button", name="Take it over from Ada Lovelace").click()
    expect(grace.locator("#who")).to_contain_text("You work on this")
    expect(ada.locator("#who")).to_contain_text("Grace Hopper works on this")
    expect(ada.locator("#who")).to_contain_text("taken over from you at")

    # Ada signs while the claim is Grace's: the page of each follows.
    ada.get_by_role("button", name="Sign and approve").click()
    for page in (ada, grace):
        expect(page.locator("#so-far")).to_contain_text("1 of 2")
        expect(page.locator("#so-far .decisions")).to_contain_text("Approved by Ada Lovelace")
    assert grace.locator("#progress").get_attribute("data-state") == "open"
    look(grace, "request-one-of-two")
    grace.get_by_role("button", name="Sign and approve").click()
    for page in (ada, grace):
        expect(page.locator("#progress")).to_have_attribute("data-state", "executed", timeout=30_000)
        expect(page.locator("#so-far")).to_contain_text("2 of 2")
        assert is_same_page(page)


def one_is_slower(demo: Demo, ada: Page, grace: Page) -> None:
    """Grace has pressed Approve, and her signature is on its way, when Ada's denial is recorded."""
    for page in (ada, grace):
        open_queue(page, demo)
    demo.manage("alert", ALERT, "--id", "PRACE")
    for page in (ada, grace):
        page.locator("[data-request][data-state=open]").wait_for()
        open_request(page)
    on_its_way: list[Route] = []
    grace.route("**/decision/", lambda route: on_its_way.append(route))
    grace.get_by_label("Reason").fill(REASON)
    grace.get_by_role("button", name="Sign and approve").click()
    expect(grace.locator("sign-decision")).to_have_attribute("data-state", "sending")

    ada.get_by_label("Reason").fill("The runbook is false.")
    ada.get_by_role("button", name="Sign and deny").click()
    ada.locator("sign-decision[data-state=sent]").wait_for()
    (route,) = on_its_way
    route.continue_()

    told = grace.get_by_role("alert").filter(has_text="Ada Lovelace denied this request at")
    expect(told).to_contain_text(re.compile(r"at \d\d:\d\d:\d\d UTC. Your signature was not used."))
    expect(told).to_contain_text("Nothing was sent to the workflow. What you typed is still here.")
    expect(grace.get_by_label("Reason")).to_have_value(REASON)
    expect(grace.get_by_label("Reason")).to_be_visible()
    grace.get_by_label("Reason").select_text()  # it can be copied, and nothing can be sent with it
    expect(grace.locator(".choices[inert]")).to_be_visible()
    expect(grace.locator("#so-far .decisions")).to_contain_text("Denied by Ada Lovelace")
    expect(grace.locator("#so-far .decisions")).not_to_contain_text("Grace Hopper")
    for page in (ada, grace):
        expect(page.locator("#progress")).to_have_attribute("data-state", "denied", timeout=30_000)
        assert is_same_page(page)
    look(grace, "request-slower")


def test_a_policy_makes_an_approver_read_and_type_and_rest_and_never_a_denier(
    tmp_path: Path, open_browser: Open
) -> None:
    with Demo(tmp_path / "data", program=SLOW) as demo:
        page = sign_in(open_browser(), demo)
        make_key(page, demo)
        open_queue(page, demo)
        page.locator("[data-request]").wait_for()
        open_card(page)
        approve, deny = (page.get_by_role("button", name=f"Sign and {what}") for what in ("approve", "deny"))
        expect(page.locator("slow-approval")).to_contain_text(re.compile(r"Time to read: 0:0\d left"))
        expect(approve).to_be_disabled()
        expect(deny).to_be_enabled()
        look(page, "request-slow")

        # Time passes by itself; the name is typed; neither alone is enough.
        expect(page.locator("slow-approval [data-part=wait]")).to_have_text("The wait is over.", timeout=15_000)
        expect(approve).to_be_disabled()
        confirmation = page.get_by_label("To approve, type")
        confirmation.fill(TARGET.upper())
        confirmation.press("Enter")
        expect(approve).to_be_disabled()
        confirmation.fill(f" {TARGET} ")
        expect(approve).to_be_enabled()
        approve.click()
        expect(page.locator("#progress")).to_have_attribute("data-state", "executed", timeout=30_000)

        # One in an hour: the next has to wait, and can be denied at once.
        open_queue(page, demo)
        demo.manage("alert", ALERT, "--id", "PAGAIN")
        page.locator("[data-request][data-state=open]").wait_for()
        open_card(page)
        expect(page.locator("slow-approval")).to_contain_text(re.compile(r"Until your next approval: 59:\d\d left"))
        page.get_by_label("To approve, type").fill(TARGET)
        expect(approve).to_be_disabled()
        page.get_by_label("Reason").fill("Twice in an hour is once too often.")
        deny.click()
        expect(page.locator("#progress")).to_have_attribute("data-state", "denied", timeout=30_000)
