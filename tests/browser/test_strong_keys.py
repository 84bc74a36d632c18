"""Strong keys in a real Chromium, with a virtual authenticator that has the PRF extension.

Chromium's virtual authenticator gives up a passkey's private key but not its PRF secret. So after a restart of
the browser the same passkey is there without its secret; what the secret would open is then shown by putting the
secret, as it was before the restart, in its place.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from approvals.signing import approval, denial
from tests.browser.signing_site import SigningSite, running_site
from tests.browser.test_signing_elements import enrol, open_request, state

pytestmark = pytest.mark.browser

OPTIONS = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "hasPrf": True,
}
# Every secret that a passkey gives is noted, for the test to look for it; nothing else is changed.
NOTE_SECRETS = """
globalThis.secrets = [];
const {get} = CredentialsContainer.prototype;
CredentialsContainer.prototype.get = async function (options) {
  const used = await get.call(this, options);
  const first = used.getClientExtensionResults().prf?.results?.first;
  if (first) globalThis.secrets.push(Array.from(new Uint8Array(first)));
  return used;
};
"""
READ_RECORD = """async () => {
  const open = indexedDB.open("countersign");
  await new Promise((resolve) => { open.onsuccess = resolve; });
  const all = open.result.transaction("keys").objectStore("keys").getAll();
  await new Promise((resolve) => { all.onsuccess = resolve; });
  open.result.close();
  const [record] = all.result;
  if (!record) return null;
  const keys = [];
  const bytes = [];
  (function walk(value) {
    if (value instanceof CryptoKey) keys.push(value.type);
    else if (value instanceof Uint8Array) bytes.push(...value);
    else if (value && typeof value === "object") Object.values(value).forEach(walk);
  })(record);
  return {strength: record.strength, names: Object.keys(record).sort(), keys, bytes, wrapped: record.wrapped && {
    salt: Array.from(record.wrapped.salt), iv: Array.from(record.wrapped.iv), bytes: Array.from(record.wrapped.bytes),
    id: Array.from(record.wrapped.credentialId)}};
}"""


class Authenticator:
    """The passkeys that ``page`` can use."""

    def __init__(self, page: Page, **options: Any) -> None:
        self._devtools: CDPSession = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        made = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**OPTIONS, **options}})
        self._id = made["authenticatorId"]

    def send(self, command: str, **parameters: Any) -> Any:
        return self._devtools.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **parameters})

    def passkeys(self) -> list[dict[str, Any]]:
        return self.send("getCredentials")["credentials"]

    def decline(self) -> None:
        """From now on nobody is verified, as with a wrong finger. It soon locks itself for good."""
        self.send("setUserVerified", isUserVerified=False)

    def unplug(self) -> None:
        self.send("removeVirtualAuthenticator")


@pytest.fixture
def site() -> Iterator[SigningSite]:
    with running_site() as running:
        yield running


@pytest.fixture
def page(open_browser: Callable[[], BrowserContext]) -> Page:
    return new_page(open_browser())


def new_page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


def enrol_strong(page: Page, site: SigningSite) -> bytes:
    page.goto(f"{site.address}/keys/")
    state(page, "enrol-key", "none")
    page.get_by_label("Strong").check()
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    assert site.strengths[-1] == "strong"
    return site.enrolled[-1]


def approve(page: Page) -> None:
    page.get_by_role("button", name="Sign and approve").click()


def test_every_signature_of_a_strong_key_asks_the_passkey(page: Page, site: SigningSite) -> None:
    authenticator = Authenticator(page)
    key = enrol_strong(page, site)
    (passkey,) = authenticator.passkeys()
    uses = passkey["signCount"]
    for kind, parse in (("approve", approval.parse), ("deny", denial.parse)):
        open_request(page, site)
        state(page, "sign-decision", "ready")
        expect(page.locator("[data-part=key]")).to_contain_text("your passkey is asked for")
        page.get_by_label("Reason").fill("Known leak")
        page.get_by_role("button", name=f"Sign and {kind}").click()
        state(page, "sign-decision", "sent")
        (signed,) = (base64.b64decode(data) for data in site.decisions[-1].values() if len(data) > 100)
        parse(signed).verify()
        assert key in signed
        (passkey,) = authenticator.passkeys()
        assert passkey["signCount"] > uses
        uses = passkey["signCount"]


def test_what_is_kept_holds_no_key_that_could_be_used(page: Page, site: SigningSite) -> None:
    page.add_init_script(NOTE_SECRETS)
    Authenticator(page)
    key = enrol_strong(page, site)
    record = page.evaluate(READ_RECORD)
    assert (record["strength"], record["keys"]) == ("strong", [])
    assert "pair" not in record["names"]
    # The passkey's secret opens it: only so can the test know the seed that must not be found.
    open_request(page, site)
    state(page, "sign-decision", "ready")
    approve(page)
    state(page, "sign-decision", "sent")
    (secret,) = page.evaluate("globalThis.secrets")
    seed = page.evaluate(OPEN_WRAPPED, [record["wrapped"], secret, "local:maria", list(key)])
    raw = bytes(record["bytes"])
    assert len(seed) == 32
    assert bytes(seed) not in raw
    assert bytes(secret) not in raw


OPEN_WRAPPED = """async ([wrapped, secret, externalId, publicKey]) => {
  const {encode, map} = await import("/static/js/lib/cbor.js");
  const bytes = (list) => Uint8Array.from(list);
  const source = await crypto.subtle.importKey("raw", bytes(secret), "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode("countersign-key-wrap-v1 aes-256-gcm");
  const key = await crypto.subtle.deriveKey(
    {name: "HKDF", hash: "SHA-256", salt: bytes(wrapped.salt), info}, source,
    {name: "AES-GCM", length: 256}, false, ["decrypt"]);
  const additionalData = encode(map({external_id: externalId, public_key: bytes(publicKey), version: 1n}));
  const cipher = {name: "AES-GCM", iv: bytes(wrapped.iv), additionalData};
  const opened = await crypto.subtle.decrypt(cipher, key, bytes(wrapped.bytes));
  return Array.from(new Uint8Array(opened).slice(-32));
}"""


def test_no_code_on_the_page_exports_an_unlocked_key(page: Page, site: SigningSite) -> None:
    Authenticator(page)
    enrol_strong(page, site)
    tried = page.evaluate(
        """async () => {
          const {findKey, unlock} = await import("/static/js/lib/keystore.js");
          const {privateKey} = await unlock(await findKey("local:maria"));
          return Promise.all(["raw", "pkcs8", "jwk"].map((format) =>
            crypto.subtle.exportKey(format, privateKey).then(() => "exported", () => "refused")));
        }"""
    )
    assert tried == ["refused", "refused", "refused"]


# What Chromium says when a person closes the prompt, which no virtual authenticator does and then goes on.
CLOSE_PROMPTS = """() => {
  navigator.credentials.get = async () => { throw new DOMException("closed", "NotAllowedError"); };
}"""


def test_closing_the_prompt_signs_nothing_and_loses_nothing(page: Page, site: SigningSite) -> None:
    Authenticator(page)
    enrol_strong(page, site)
    open_request(page, site)
    state(page, "sign-decision", "ready")
    page.get_by_label("Reason").fill("a long reason")
    page.evaluate(CLOSE_PROMPTS)
    for kind in ("approve", "deny"):
        page.get_by_role("button", name=f"Sign and {kind}").click()
        expect(page.get_by_role("status")).to_contain_text("The passkey was not used. Nothing was signed")
        state(page, "sign-decision", "ready")
        expect(page.get_by_label("Reason")).to_have_value("a long reason")
        expect(page.locator("sign-decision [data-part=error]")).to_be_empty()
    assert site.decisions == []
    page.evaluate("delete navigator.credentials.get")
    approve(page)
    state(page, "sign-decision", "sent")
    assert approval.parse(base64.b64decode(site.decisions[0]["approval"])).terms.reason == "a long reason"


def test_a_passkey_that_cannot_verify_its_person_signs_nothing(page: Page, site: SigningSite) -> None:
    authenticator = Authenticator(page)
    enrol_strong(page, site)
    open_request(page, site)
    state(page, "sign-decision", "ready")
    authenticator.decline()
    approve(page)
    expect(page.get_by_role("status")).to_contain_text("The passkey was not used. Nothing was signed")
    assert site.decisions == []


def test_closing_the_prompt_while_making_a_key_leaves_nothing_behind(page: Page, site: SigningSite) -> None:
    authenticator = Authenticator(page, isUserVerified=False)
    page.goto(f"{site.address}/keys/")
    page.get_by_label("Strong").check()
    page.get_by_role("button", name="Make this browser's key").click()
    expect(page.get_by_role("status")).to_contain_text("The passkey was not used. Nothing was made")
    state(page, "enrol-key", "none")
    assert page.evaluate(READ_RECORD) is None
    assert (site.enrolled, authenticator.passkeys()) == ([], [])
    authenticator.unplug()
    Authenticator(page)
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")


def test_closing_the_second_prompt_drops_the_passkey_of_the_first(page: Page, site: SigningSite) -> None:
    page.add_init_script(
        "CredentialsContainer.prototype.get = async () => { throw new DOMException('closed', 'NotAllowedError'); };"
    )
    authenticator = Authenticator(page)
    page.goto(f"{site.address}/keys/")
    page.get_by_label("Strong").check()
    page.get_by_role("button", name="Make this browser's key").click()
    expect(page.get_by_role("status")).to_contain_text("The passkey was not used.")
    state(page, "enrol-key", "none")
    assert page.evaluate(READ_RECORD) is None
    assert (site.enrolled, authenticator.passkeys()) == ([], [])


def test_a_passkey_without_the_extension_is_told_so_and_nothing_is_left_behind(page: Page, site: SigningSite) -> None:
    authenticator = Authenticator(page, hasPrf=False)
    page.goto(f"{site.address}/keys/")
    page.get_by_label("Strong").check()
    page.get_by_role("button", name="Make this browser's key").click()
    expect(page.get_by_role("alert").filter(has_text="passkey")).to_contain_text("lacks the PRF extension")
    state(page, "enrol-key", "none")
    assert page.evaluate(READ_RECORD) is None
    assert (site.enrolled, authenticator.passkeys()) == ([], [])
    page.get_by_label("Ordinary").check()
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    assert site.strengths == ["ordinary"]


def test_a_browser_without_passkeys_offers_ordinary_keys_only(page: Page, site: SigningSite) -> None:
    page.add_init_script("delete globalThis.PublicKeyCredential;")
    page.goto(f"{site.address}/keys/")
    expect(page.get_by_label("Strong")).to_be_disabled()
    expect(page.get_by_text("only keep an ordinary key")).to_be_visible()
    enrol(page, site)


def test_an_enrolment_that_was_interrupted_asks_the_passkey_again_or_starts_over(page: Page, site: SigningSite) -> None:
    authenticator = Authenticator(page)
    key = enrol_strong(page, site)
    site.enrolled = []
    page.reload()
    state(page, "enrol-key", "unknown")
    (before,) = authenticator.passkeys()
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    (after,) = authenticator.passkeys()
    assert (site.enrolled, site.strengths) == ([key], ["strong", "strong"])
    assert after["signCount"] > before["signCount"]

    site.enrolled = []
    authenticator.send("clearCredentials")
    page.reload()
    state(page, "enrol-key", "unknown")
    page.get_by_role("button", name="Make another key instead").click()
    page.get_by_label("Ordinary").check()
    page.get_by_role("button", name="Make this browser's key").click()
    state(page, "enrol-key", "enrolled")
    assert site.enrolled != [key]


def test_after_a_restart_nothing_is_signed_without_the_passkey_and_everything_with_it(
    open_profile: Callable[[], BrowserContext], site: SigningSite
) -> None:
    before = open_profile()
    page = new_page(before)
    page.add_init_script(NOTE_SECRETS)
    authenticator = Authenticator(page)
    key = enrol_strong(page, site)
    page.evaluate("globalThis.secrets.length = 0")
    open_request(page, site)
    state(page, "sign-decision", "ready")
    approve(page)
    state(page, "sign-decision", "sent")
    (secret,) = page.evaluate("globalThis.secrets")
    passkeys = authenticator.passkeys()
    before.close()

    # The files of the profile, and no passkey.
    page = new_page(open_profile())
    authenticator = Authenticator(page)
    open_request(page, site)
    state(page, "sign-decision", "ready")
    approve(page)
    expect(page.get_by_role("status")).to_contain_text("The passkey was not used.")
    # The passkey's own key without its secret, which is what a copy of the credential would be.
    authenticator.send("addCredential", credential=passkeys[0])
    approve(page)
    expect(page.get_by_role("alert").filter(has_text="passkey")).to_contain_text("lacks the PRF extension")
    assert len(site.decisions) == 1
    # Another secret opens nothing; the same one signs.
    page.evaluate(ANSWER_WITH, [0] * 32)
    approve(page)
    expect(page.get_by_role("alert").filter(has_text="passkey")).to_contain_text("does not open this browser's key")
    assert len(site.decisions) == 1
    page.evaluate(ANSWER_WITH, secret)
    approve(page)
    state(page, "sign-decision", "sent")
    assert approval.parse(base64.b64decode(site.decisions[1]["approval"])).approver_key == key


ANSWER_WITH = """(secret) => {
  const results = () => ({prf: {results: {first: Uint8Array.from(secret).buffer}}});
  PublicKeyCredential.prototype.getClientExtensionResults = results;
}"""
