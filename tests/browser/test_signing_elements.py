"""The signing elements in a real browser, under the strict policy they are made for."""

from __future__ import annotations

import base64
import html
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tenuo_core as tenuo
from playwright.sync_api import BrowserContext, Page, Route, expect

from approvals.agent_text import visible
from approvals.contracts import CallRecord
from approvals.signing import approval, denial
from audit.statements import cbor
from tests.browser import signing_site as site_says
from tests.browser.signing_site import SigningSite, fingerprint, running_site
from tests.extending import with_terms
from tests.vectors import parts, reviews
from tests.vectors.parts import BINDING

pytestmark = pytest.mark.browser


@pytest.fixture
def site() -> Iterator[SigningSite]:
    with running_site() as running:
        yield running


@pytest.fixture
def page(open_browser: Callable[[], BrowserContext]) -> Page:
    page = open_browser().new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


def state(page: Page, element: str, wanted: str) -> None:
    expect(page.locator(element)).to_have_attribute("data-state", wanted)


def enrol(page: Page, site: SigningSite) -> bytes:
    page.goto(f"{site.address}/keys/")
    state(page, "enrol-key", "none")
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    return site.enrolled[-1]


def request_for(approver: bytes, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a server says of a request under a warrant minted now, with this approver's key."""
    values = {"name": "payment-service-prod"} if arguments is None else arguments
    holder = parts.tenuo_key("agent")
    warrant = tenuo.Warrant.issue(
        parts.tenuo_key("root"),
        {parts.TOOL: {}},
        3600,
        holder.public_key,
        None,
        None,
        [tenuo.PublicKey.from_bytes(approver)],
        1,
        {parts.TOOL: None},
    )
    warrant = with_terms(warrant, parts.TERMS, parts.key("root"))
    attested = tenuo.py_build_approval_context_attestation(holder, warrant.id, parts.TOOL, values, holder.public_key)
    return reviews.signing(
        arguments_cbor=attested[0],
        request_hash=attested[1]["request_hash"],
        warrant_chain=[base64.b64encode(bytes(warrant.to_bytes())).decode()],
        expires_at=int(time.time()) + 600,
    )


def open_request(page: Page, site: SigningSite, **changes: Any) -> None:
    site.signing = {**request_for(site.enrolled[-1]), **changes}
    page.goto(f"{site.address}/request/")


def test_a_person_makes_a_key_reads_a_request_and_signs_it(page: Page, site: SigningSite) -> None:
    key = enrol(page, site)
    open_request(page, site)
    state(page, "sign-decision", "ready")
    expect(page.locator("table.arguments tbody tr")).to_have_text(["namepayment-service-prodtext"])
    expect(page.locator("ol.checks li[data-ok='false']")).to_have_count(0)
    for words in ("incident-response@2", "at most 10 min", "One denial ends a request.", "local:raiser"):
        expect(page.locator("[data-part=warrant]")).to_contain_text(words)
    page.get_by_label("Reason").fill("Known leak 🚨")
    page.locator("summary").click()
    expect(page.locator("pre.bytes")).to_have_count(4)
    page.get_by_role("button", name="Sign and approve").dblclick()
    state(page, "sign-decision", "sent")
    expect(page.locator("#progress")).to_have_text("signed")
    assert page.title() == "page", "markup of an answer ran as script"
    assert len(site.decisions) == 1

    data = base64.b64decode(site.decisions[0]["approval"])
    signed = approval.parse(data)
    signed.verify()
    assert signed.approver_key == key
    assert signed.terms.binding == BINDING
    assert signed.terms.reason == "Known leak 🚨"
    assert signed.terms.request_hash.hex() == site.signing["request_hash"]
    tenuo.verify_approvals(
        signed.terms.request_hash, [tenuo.SignedApproval.from_bytes(data)], [tenuo.PublicKey.from_bytes(key)]
    )


def test_a_denial_needs_a_reason_and_is_signed_with_it(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    open_request(page, site)
    state(page, "sign-decision", "ready")
    page.get_by_role("button", name="Sign and deny").click()
    expect(page.get_by_text("Say why you deny")).to_be_visible()
    expect(page.get_by_label("Reason")).to_be_focused()
    assert site.decisions == []
    page.get_by_label("Reason").fill("false runbook")
    page.get_by_role("button", name="Sign and deny").click()
    state(page, "sign-decision", "sent")
    signed = denial.parse(base64.b64decode(site.decisions[0]["denial"]))
    signed.verify()
    assert signed.reason == "false runbook"


def test_what_was_typed_survives_a_refusal(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    open_request(page, site)
    site.refusal = "Jonas <b>denied</b> it at 03:12."
    page.get_by_label("Reason").fill("a long reason")
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.get_by_role("alert").filter(has_text="Jonas")).to_have_text("Jonas <b>denied</b> it at 03:12.")
    expect(page.get_by_label("Reason")).to_have_value("a long reason")
    site.refusal = ""
    page.get_by_role("button", name="Sign and approve").click()
    state(page, "sign-decision", "sent")


def changed_arguments(signing: dict[str, Any]) -> dict[str, Any]:
    return {"arguments_cbor": base64.b64encode(cbor.encode({"name": "payment-service-prоd"})).decode()}


def changed_warrant(signing: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(signing["warrant_chain"][0])
    other = data.replace(parts.public("agent"), parts.public("stranger"))
    return {"warrant_chain": [base64.b64encode(other).decode()]}


def flipped_arguments(signing: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(signing["arguments_cbor"])
    return {"arguments_cbor": base64.b64encode(parts.flipped(data, len(data) - 1)).decode()}


def changed_approvers(signing: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(signing["warrant_chain"][0])
    (named,) = tenuo.Warrant.from_bytes(data).required_approvers()
    other = data.replace(bytes(named.to_bytes()), parts.public("stranger"))
    return {"warrant_chain": [base64.b64encode(other).decode()]}


def other_warrant(signing: dict[str, Any]) -> dict[str, Any]:
    return {"warrant_chain": request_for(parts.public("maria"))["warrant_chain"]}


LIES: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "arguments": ("request_hash", changed_arguments),
    "warrant": ("warrant.signature", changed_warrant),
    "approvers": ("warrant.signature", changed_approvers),
    "a bit of the arguments": ("request_hash", flipped_arguments),
    "another warrant": (
        "request_hash",
        other_warrant,
    ),
    "tool": ("tool", lambda signing: {"tool": "read_logs"}),
    "hash": ("request_hash", lambda signing: {"request_hash": "00" * 32}),
    "lifetime": ("signature_lifetime_seconds", lambda signing: {"signature_lifetime_seconds": 315_360_000}),
    "expired": ("expires_at", lambda signing: {"expires_at": int(time.time()) - 1}),
    "the agent's words": ("display_digest", lambda signing: reviews.shown(reasoning="Everything is fine.")),
    "the gate's message": ("display_digest", lambda signing: reviews.shown(gate_message="Routine, sign it.")),
    "a denied call": ("display_digest", lambda signing: reviews.shown(history=parts.DISPLAY.history[::2])),
    "the digest of what is shown": ("display_digest", lambda signing: {"display_digest": "00" * 32}),
    "policy version": ("policy_version", lambda signing: {"policy_version": "incident-response@3"}),
    "people needed": ("threshold", lambda signing: reviews.shown_and_named(threshold=2)),
}


@pytest.mark.parametrize("lie", LIES)
def test_nothing_can_be_signed_when_the_server_lies(page: Page, site: SigningSite, lie: str) -> None:
    field, change = LIES[lie]
    enrol(page, site)
    signing = request_for(site.enrolled[-1])
    open_request(page, site, **{**signing, **change(signing)})
    state(page, "sign-decision", "refused")
    expect(page.locator(f"ul.problems li[data-field='{field}']").first).to_be_visible()
    expect(page.get_by_role("button", name="Sign and approve")).to_have_count(0)
    page.evaluate("document.querySelector('form').hidden = false")
    expect(page.get_by_role("button", name="Sign and approve")).to_be_disabled()
    page.evaluate("document.querySelector('form').requestSubmit(null)")
    assert site.decisions == []


SAID: dict[str, Any] = {
    "gate_message": "<p data-said>Routine, sign it.</p>",
    "reasoning": "<blockquote data-said>Everything is fine.</blockquote>",
    "history": site_says.HISTORY.replace("Denied", "Allowed"),
}


@pytest.mark.parametrize("field", SAID)
def test_nothing_can_be_signed_when_the_page_said_something_else_than_is_signed(
    page: Page, site: SigningSite, field: str
) -> None:
    enrol(page, site)
    site.said[field] = SAID[field]
    open_request(page, site)
    state(page, "sign-decision", "refused")
    expect(page.locator(f"ul.problems li[data-field='{field}']")).to_be_visible()
    expect(page.locator("li[data-check='page'][data-ok='false']")).to_have_count(1)
    # What is shown now is what would be signed.
    expect(page.locator("[data-part=reasoning]")).to_contain_text("The runbook says: restart.")
    expect(page.locator("[data-part=history] li[data-verdict=denied]")).to_contain_text("delete_database")
    expect(page.get_by_text("Routine, sign it.")).to_have_count(0)
    assert site.decisions == []


def test_a_page_without_a_place_for_the_agents_words_gets_no_signature(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    page.route("**/request/", lambda route: without_part(route, "reasoning"))
    open_request(page, site)
    state(page, "sign-decision", "refused")
    expect(page.locator("ul.problems li[data-field='reasoning']")).to_be_visible()


def without_part(route: Route, part: str) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(f'data-part="{part}"', ""))


def test_what_the_agent_says_and_did_is_shown_inert_from_the_signed_bytes(page: Page, site: SigningSite) -> None:
    key = enrol(page, site)
    words = "<img src=x onerror=alert(1)>\u202e pr\u043eduction"
    call = CallRecord("<b>tool", "allowed", 1_767_225_600_000, "", "<i>x", base64.b64encode(b"\xa1\x61a\x61<").decode())
    shown = reviews.shown_and_named(reasoning=words, gate_message="", history=(call,))
    site.said = {
        "gate_message": "",
        "reasoning": f"<blockquote data-said>{html.escape(visible(words))}</blockquote>",
        "history": "<i data-said>Allowed</i><i data-said>&lt;b&gt;tool</i><i data-said>&lt;i&gt;x</i>",
    }
    open_request(page, site, **{**request_for(key), **shown})
    state(page, "sign-decision", "ready")
    expect(page.locator("blockquote")).to_have_text("<img src=x onerror=alert(1)>⟨U+202E⟩ pr⟨U+043E⟩duction")
    expect(page.locator("[data-part=history] li")).to_have_text(re.compile('Allowed<b>tool00:00:00a"<"<i>x'))
    page.get_by_role("button", name="Sign and approve").click()
    state(page, "sign-decision", "sent")
    signed = approval.parse(base64.b64decode(site.decisions[0]["approval"]))
    assert signed.terms.binding.display_digest.hex() == shown["display_digest"]


def test_deceiving_arguments_are_shown_inert_and_marked(page: Page, site: SigningSite) -> None:
    key = enrol(page, site)
    arguments = {"name": "<img src=x onerror=alert(1)>\u202e", "replicas": 1, "weights": [1.0, "1", True]}
    open_request(page, site, **request_for(key, arguments))
    state(page, "sign-decision", "ready")
    rows = page.locator("table.arguments > tbody > tr")
    expect(rows.nth(0)).to_contain_text("<img src=x onerror=alert(1)>⟨U+202E⟩")
    expect(page.locator("mark.odd-character")).to_have_count(1)
    expect(rows.nth(1)).to_have_text("replicas1whole number")
    expect(rows.nth(2)).to_have_text("weights1.0decimal number1texttruetrue or falselist")


def test_without_a_key_the_request_can_be_read_and_not_signed(page: Page, site: SigningSite) -> None:
    site.signing = request_for(parts.public("maria"))
    page.goto(f"{site.address}/request/")
    state(page, "sign-decision", "no-key")
    expect(page.locator("table.arguments")).to_contain_text("payment-service-prod")
    expect(page.locator("form")).to_be_hidden()


def test_who_may_not_decide_sees_the_request_and_no_buttons(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    site.may_decide = False
    open_request(page, site)
    state(page, "sign-decision", "closed")
    expect(page.locator("form")).to_be_hidden()


def test_another_root_is_never_pinned_by_showing_it(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    site.roots = [parts.public("stranger")]
    page.goto(f"{site.address}/keys/")
    state(page, "enrol-key", "root-changed")
    # Not even when the server claims not to know the key, so that one would be made again.
    known, site.enrolled = site.enrolled, []
    page.reload()
    state(page, "enrol-key", "root-changed")
    # Or that it was revoked; or when a script submits the hidden form.
    site.revoked = known
    page.reload()
    state(page, "enrol-key", "root-changed")
    with page.expect_navigation():  # the page is loaded again once the key is enrolled
        page.evaluate("document.querySelector('enrol-key form[data-part=form]').requestSubmit()")
    state(page, "enrol-key", "root-changed")
    assert site.enrolled != known
    assert pinned_roots(page) == [list(parts.public("root"))]


@pytest.mark.parametrize("roots", [["stranger"], ["root", "stranger"], ["stranger", "helper"]])
def test_a_new_root_is_believed_once_its_fingerprint_was_typed(page: Page, site: SigningSite, roots: list[str]) -> None:
    enrol(page, site)
    site.roots = [parts.public(who) for who in roots]
    page.goto(f"{site.address}/keys/")
    state(page, "enrol-key", "root-changed")
    new = [root for root in site.roots if root != parts.public("root")]
    for root in new:
        expect(page.locator("[data-root-part=new]")).to_contain_text(in_groups(root))
    shown_as = "kept" if "root" in roots else "old"
    expect(page.locator(f"[data-root-part={shown_as}]")).to_contain_text(in_groups(parts.public("root")))
    believe = page.get_by_role("button", name="Believe these roots")
    # Nothing, the old root, one group, or the whole of it pasted: none is what was asked for.
    for typed in ["", in_groups(parts.public("root"))[:17], in_groups(new[-1])[:8], in_groups(new[-1])]:
        for field in page.locator("root-change input").all():
            field.fill(typed)
        believe.click()
        expect(page.locator("[data-root-part=error]")).to_contain_text("Nothing was changed")
        assert pinned_roots(page) == [list(parts.public("root"))]
    for field, root in zip(page.locator("root-change input").all(), new, strict=True):
        field.fill(in_groups(root)[:17])
    believe.click()
    state(page, "enrol-key", "enrolled")
    assert pinned_roots(page) == [list(root) for root in site.roots]
    open_request(page, site)
    state(page, "sign-decision", "ready" if "root" in roots else "refused")
    if "root" not in roots:
        expect(page.locator("ul.problems li[data-field='warrant.issuer']")).to_be_visible()
        expect(page.locator("sign-decision[data-other-root]")).to_have_count(1)


def test_a_root_that_is_gone_is_given_up_by_ticking_the_sentence(page: Page, site: SigningSite) -> None:
    site.roots = [parts.public("root"), parts.public("stranger")]
    enrol(page, site)
    site.roots = [parts.public("root")]
    page.reload()
    state(page, "enrol-key", "root-changed")
    page.get_by_role("button", name="Believe these roots").click()
    expect(page.locator("[data-root-part=error]")).to_contain_text("Tick the sentence")
    assert len(pinned_roots(page)) == 2
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Believe these roots").click()
    state(page, "enrol-key", "enrolled")
    assert pinned_roots(page) == [list(parts.public("root"))]


def test_a_page_with_no_root_at_all_gets_nothing_accepted(page: Page, site: SigningSite) -> None:
    enrol(page, site)
    site.roots = []
    page.reload()
    state(page, "enrol-key", "root-changed")
    expect(page.get_by_role("button", name="Believe these roots")).to_be_hidden()


def in_groups(key: bytes) -> str:
    print_ = fingerprint(key)
    return " ".join(print_[at : at + 8] for at in range(0, 64, 8))


def pinned_roots(page: Page) -> list[list[int]]:
    """Return what this browser's one key has pinned."""
    return page.evaluate(
        """async () => {
          const open = indexedDB.open("countersign");
          await new Promise((resolve) => { open.onsuccess = resolve; });
          const all = open.result.transaction("keys").objectStore("keys").getAll();
          await new Promise((resolve) => { all.onsuccess = resolve; });
          open.result.close();
          return all.result[0].pinnedRoots.map((root) => Array.from(root));
        }"""
    )


def test_an_interrupted_enrolment_goes_on_with_the_same_key(page: Page, site: SigningSite) -> None:
    key = enrol(page, site)
    site.enrolled = []
    page.reload()
    state(page, "enrol-key", "unknown")
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    assert site.enrolled == [key]


def test_a_revoked_key_is_replaced_by_a_new_one(page: Page, site: SigningSite) -> None:
    key = enrol(page, site)
    site.enrolled, site.revoked = [], [key]
    page.reload()
    state(page, "enrol-key", "revoked")
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    assert site.enrolled != [key]


def test_the_key_survives_a_restart_and_cannot_be_exported(
    open_profile: Callable[[], BrowserContext], site: SigningSite
) -> None:
    before = open_profile()
    key = enrol(before.new_page(), site)
    before.close()
    page = open_profile().new_page()
    open_request(page, site)
    state(page, "sign-decision", "ready")
    exported = page.evaluate(
        """async () => {
          const open = indexedDB.open("countersign");
          await new Promise((resolve) => { open.onsuccess = resolve; });
          const all = open.result.transaction("keys").objectStore("keys").getAll();
          await new Promise((resolve) => { all.onsuccess = resolve; });
          const tried = ["raw", "pkcs8", "jwk"].map((format) =>
            crypto.subtle.exportKey(format, all.result[0].pair.privateKey).then(() => "exported", () => "refused"));
          return Promise.all(tried);
        }"""
    )
    assert exported == ["refused", "refused", "refused"]
    page.get_by_role("button", name="Sign and approve").click()
    state(page, "sign-decision", "sent")
    assert approval.parse(base64.b64decode(site.decisions[0]["approval"])).approver_key == key
