"""From the lock screen to the signature, on a cheap phone with a slow network, and how long that takes.

What is measured begins where a notification is pressed and ends where the buttons can be. People's own time is in it:
they type as fast as thumbs do.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.demo import Demo, free_ports
from tests.browser.openid_provider import OpenIDProvider, sign_in_there
from tests.browser.phone import THUMB, phone, slow_down, without_fonts_from_elsewhere
from tests.browser.test_passkeys import Authenticator
from tests.browser.test_push import PRESS, Pusher
from tests.browser.test_single_sign_on import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECONDS = 20.0
KEYSTROKE_MS = 120
PASSWORD = "horse-battery-9"
SCREENS = [(360, 640), (390, 844)]
TRUST = """
import tenuo_core
from accounts.models import Person
from tests import people
from tests.approvals import factories
from tests.endorsing import ensure_people_root
factories.trust(bytes(tenuo_core.SigningKey.from_bytes(bytes([0x22]) * 32).public_key_bytes()))
ensure_people_root()
for name in {names}:
    person = factories.person(name)
    person.set_password("{password}")
    person.save()
"""
# What happened while the phone lay there.
ASK = """
import tenuo_core
from accounts.models import ApproverKey
from approvals.notify.push import wording
from approvals.requests import services
from tests.approvals import factories
from tests.approvals.test_notifying_mail import job
from tests.endorsing import endorsed
key = endorsed(ApproverKey.objects.latest("pk"))
issuer = tenuo_core.SigningKey.from_bytes(bytes([0x22]) * 32)
asked = services.open(gate_request=factories.gate_request(factories.mint(bytes(key.public_key), issuer=issuer)))
url = "{site}/approvals/" + asked.pk + "/"
print("pushed", wording.message(job(request_id=asked.pk, url=url).notice).body.decode())
"""
LOGINS = {360: "ada", 390: "grace"}
NAMES = [f"{name}{width}" for name in ("passkey", "session") for width, _ in SCREENS]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The real server: it lets browsers keep what they fetched, as in production."""
    provider_port, *ports = free_ports(4)
    provider = OpenIDProvider(provider_port, f"http://localhost:{ports[0]}")
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "LOCAL_ACCOUNTS": "true",
        "PUSH_CONTACT": "ops@countersign.example",
        **provider.settings("sre-oncall=approver"),
    }
    directory = tmp_path_factory.mktemp("site")
    demo = Demo(directory, "serve", "--web-only", ports=tuple(ports), environment=environment)  # type: ignore[arg-type]
    demo.manage("setup")
    demo.manage("shell", "-c", TRUST.format(names=NAMES, password=PASSWORD))
    with provider, demo:
        demo.line(lambda line: "http://" in line or "running" in line.lower())
        yield Site(demo, provider)


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}x{screen[1]}")
def handset(request: Any, site: Site, open_browser: Callable[..., BrowserContext]) -> Page:
    """A phone with nobody signed in."""
    page = open_browser(base_url=site.address, **phone(*request.param)).new_page()
    without_fonts_from_elsewhere(page)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


def width_of(page: Page) -> int:
    assert page.viewport_size is not None
    return page.viewport_size["width"]


def notified(page: Page, site: Site) -> str:
    """Enrol the key of whoever is signed in, let a notification arrive, and press it: the address it opens."""
    page.goto("/keys/")
    page.get_by_label("Name of this browser").fill("Phone")
    page.get_by_role("button", name="Make this browser").tap()
    page.locator("enrol-key[data-state=waiting]").wait_for()
    page.goto("/notifications/")
    page.context.grant_permissions(["notifications"], origin=site.address)
    pusher = Pusher(page, site.address)
    page.get_by_role("button", name="Tell this browser").tap()
    expect(page.get_by_text("Your browser’s push service did not answer")).to_be_visible()
    found = re.search(r"pushed (.+)", site.demo.manage("shell", "-c", ASK.format(site=site.address)))
    assert found
    (shown,) = pusher.deliver(found[1])
    (worker,) = page.context.service_workers
    opened = worker.evaluate(PRESS, shown["tag"])
    assert opened == f"{site.address}/approvals/{shown['tag']}/"
    return str(opened)


@contextmanager
def timed(page: Page, way: str) -> Iterator[None]:
    """Time what a slow phone does until the buttons can be pressed."""
    slow_down(page)
    began = time.monotonic()
    yield
    for name in ("Sign and approve", "Sign and deny"):
        expect(page.get_by_role("button", name=name)).to_be_enabled(timeout=60_000)
    seconds = time.monotonic() - began
    print(f"{way}, {page.viewport_size}: {seconds:.1f} s from the lock screen to the buttons")
    assert seconds < SECONDS


def opened_anew(page: Page) -> Page:
    """The page that a pressed notification opens: nothing of the ones before is in it."""
    fresh = page.context.new_page()
    page.close()
    without_fonts_from_elsewhere(fresh)
    return fresh


def approve(page: Page, *, picture: str = "") -> None:
    """Go to the decision and sign with the thumb."""
    page.get_by_role("link", name="To the decision").tap()
    assert page.viewport_size is not None
    height = page.viewport_size["height"]
    for name in ("Sign and approve", "Sign and deny"):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box is not None
        assert box["y"] > height / 2, "the upper half is out of a thumb's reach"
        assert min(box["width"], box["height"]) >= THUMB
    keep(page, picture)
    page.get_by_role("button", name="Sign and approve").tap()
    page.locator("sign-decision[data-state=sent]").wait_for()
    expect(page.locator("#standing")).to_have_attribute("data-state", "approved")


def sign_in_at_acme(page: Page, site: Site) -> str:
    """Sign in at the provider, as somebody of this phone's own; return their login there."""
    login = LOGINS[width_of(page)]
    site.provider.put_into_groups(login, "sre-oncall")
    page.goto("/keys/")
    page.get_by_role("button", name="Sign in with Acme").tap()
    sign_in_there(page, login)
    page.get_by_role("heading", name="Your keys", exact=True).wait_for()
    return login


def test_through_single_sign_on(handset: Page, site: Site) -> None:
    login = sign_in_at_acme(handset, site)
    link = notified(handset, site)
    # Everything has ended, here and at the provider. Only the key is left.
    handset.context.clear_cookies()
    page = opened_anew(handset)
    with timed(page, "single sign-on, with the password there"):
        page.goto(link, wait_until="commit")
        page.get_by_role("button", name="Sign in with Acme").tap()
        page.get_by_placeholder("Enter any login").press_sequentially(login, delay=KEYSTROKE_MS)
        page.get_by_placeholder("and password").press_sequentially("any password", delay=KEYSTROKE_MS)
        page.get_by_role("button", name="Sign-in").tap()
        page.get_by_role("button", name="Continue").tap()
        page.wait_for_url(link, wait_until="commit")
    keep(page, "phone-request")
    approve(page, picture="phone-decision")


def test_through_single_sign_on_where_the_provider_still_knows_them(handset: Page, site: Site) -> None:
    sign_in_at_acme(handset, site)
    link = notified(handset, site)
    handset.context.clear_cookies(name="countersign_session")
    page = opened_anew(handset)
    with timed(page, "single sign-on, one tap"):
        page.goto(link, wait_until="commit")
        page.get_by_role("button", name="Sign in with Acme").tap()
        page.wait_for_url(link, wait_until="commit")
    approve(page)


def type_password(page: Page, login: str, *, delay: float = KEYSTROKE_MS) -> None:
    page.get_by_label("Username").press_sequentially(login, delay=delay)
    page.get_by_label("Password").press_sequentially(PASSWORD, delay=delay)
    page.get_by_role("button", name="Sign in", exact=True).tap()


def sign_in_here(page: Page, kind: str) -> str:
    login = f"{kind}{width_of(page)}"
    page.goto("/approvals/")
    type_password(page, login, delay=0)
    page.get_by_role("heading", name="Approvals").wait_for()
    return login


def test_with_a_password_and_a_passkey(handset: Page, site: Site) -> None:
    login = sign_in_here(handset, "passkey")
    reader = Authenticator(handset)
    handset.goto("/passkeys/")
    handset.get_by_label("Name of this passkey").fill("Phone")
    handset.get_by_role("button", name="Add a passkey").tap()
    handset.get_by_role("heading", name="Phone", exact=True).wait_for()
    credentials = reader.devtools.send("WebAuthn.getCredentials", {"authenticatorId": reader.id})["credentials"]
    link = notified(handset, site)
    handset.context.clear_cookies()
    page = opened_anew(handset)
    again = Authenticator(page)
    for credential in credentials:
        again.devtools.send("WebAuthn.addCredential", {"authenticatorId": again.id, "credential": credential})
    with timed(page, "password and passkey"):
        page.goto(link, wait_until="commit")
        type_password(page, login)
        page.get_by_role("button", name="Use your passkey").tap()
        page.wait_for_url(link, wait_until="commit")
    approve(page)


def test_with_a_session_that_still_holds(handset: Page, site: Site) -> None:
    sign_in_here(handset, "session")
    link = notified(handset, site)
    page = opened_anew(handset)
    with timed(page, "still signed in"):
        page.goto(link, wait_until="commit")
    approve(page)


def keep(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS")
    if directory and name:
        page.screenshot(path=str(Path(directory) / f"{name}-{width_of(page)}.png"))
