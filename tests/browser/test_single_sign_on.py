"""Signing in at a real provider, in a real browser: oidc-provider, which this project did not write."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import look
from tests.browser.demo import Demo, free_ports
from tests.browser.openid_provider import OpenIDProvider, sign_in_there, without_their_fonts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

OPEN_A_REQUEST = """
from tests.approvals import factories
print("request", factories.open_request(factories.approver("grace")).pk)
"""
DEACTIVATE = "from accounts.models import Person; print(Person.objects.filter(subject='dora').update(is_active=False))"
IDENTITY = "from accounts.models import Person; print(Person.objects.get(subject='ada').external_id)"


@dataclass
class Site:
    demo: Demo
    provider: OpenIDProvider

    @property
    def address(self) -> str:
        return self.demo.address

    def open_request(self) -> str:
        """Open a request that waits for somebody; return the path of its page."""
        found = re.search(r"request (\S+)", self.demo.manage("shell", "-c", OPEN_A_REQUEST))
        assert found
        return f"/approvals/{found[1]}/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests: everybody signs in under a login of their own."""
    provider_port, *ports = free_ports(4)
    provider = OpenIDProvider(provider_port, f"http://localhost:{ports[0]}")
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        **provider.settings("sre-oncall=approver, everybody=viewer"),
    }
    directory = tmp_path_factory.mktemp("site")
    site = Demo(directory, "serve", "--web-only", ports=tuple(ports), environment=environment)  # type: ignore[arg-type]
    site.manage("setup")
    with provider, site:
        site.line(lambda line: "http://" in line or "running" in line.lower())
        yield Site(site, provider)


@pytest.fixture
def page(open_browser: Callable[[], BrowserContext]) -> Page:
    page = open_browser().new_page()
    without_their_fonts(page)
    return page


def sign_in(page: Page, site: Site, login: str) -> None:
    page.goto(f"{site.address}/approvals/")
    page.get_by_role("button", name="Sign in with Acme").click()
    sign_in_there(page, login)


def sign_out(page: Page) -> None:
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()


def test_an_approver_signs_in_at_the_provider_and_lands_on_the_request(page: Page, site: Site) -> None:
    request = site.open_request()
    site.provider.put_into_groups("ada", "sre-oncall", "chess-club")

    page.goto(site.address + request)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("input[type=password]")).to_have_count(0)
    look(page, "sign-in")
    page.get_by_role("button", name="Sign in with Acme").click()
    page.wait_for_url(re.compile(re.escape(site.provider.issuer)))
    sign_in_there(page, "ada")

    page.wait_for_url(site.address + request)
    expect(page.get_by_role("main")).to_contain_text("payment-service-prod")
    expect(page.locator(".account-menu")).to_contain_text("Ada of Acme")
    expect(page.get_by_role("link", name="Your keys")).to_be_visible()
    assert site.demo.manage("shell", "-c", IDENTITY).split()[-1] == f"{site.provider.issuer}#ada"

    sign_out(page)
    page.goto(site.address + request)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_roles_follow_the_groups_from_sign_in_to_sign_in(page: Page, site: Site) -> None:
    site.provider.put_into_groups("rolf", "everybody")
    sign_in(page, site, "rolf")
    expect(page.get_by_role("link", name="Approvals")).to_be_visible()
    expect(page.get_by_role("link", name="Your keys")).to_have_count(0)

    # The provider's own session goes on: it does not ask again, and says what is true now.
    site.provider.put_into_groups("rolf", "everybody", "sre-oncall")
    sign_out(page)
    page.goto(f"{site.address}/keys/")
    page.get_by_role("button", name="Sign in with Acme").click()
    page.wait_for_url(f"{site.address}/keys/")
    expect(page.get_by_role("link", name="Your keys")).to_be_visible()

    site.provider.put_into_groups("rolf")
    sign_out(page)
    page.goto(f"{site.address}/accounts/login/")
    page.get_by_role("button", name="Sign in with Acme").click()
    expect(page.get_by_role("heading", name="Nothing here for you")).to_be_visible()


def test_saying_no_at_the_provider_leads_back_to_a_calm_page(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/approvals/?from=slack")
    page.get_by_role("button", name="Sign in with Acme").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Sign-in cancelled")).to_be_visible()
    look(page, "sign-in-cancelled")
    page.get_by_role("button", name="Sign in with Acme").click()
    site.provider.put_into_groups("nora", "everybody")
    sign_in_there(page, "nora")
    page.wait_for_url(f"{site.address}/approvals/?from=slack")


def test_a_deactivated_person_is_thrown_out_and_not_let_in_again(page: Page, site: Site) -> None:
    site.provider.put_into_groups("dora", "sre-oncall")
    sign_in(page, site, "dora")
    expect(page.get_by_role("link", name="Your keys")).to_be_visible()
    site.demo.manage("shell", "-c", DEACTIVATE)
    page.goto(f"{site.address}/approvals/")
    page.get_by_role("button", name="Sign in with Acme").click()
    expect(page.get_by_role("heading", name="This account is switched off")).to_be_visible()


def test_a_provider_that_is_down_is_said_to_be_down(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/approvals/")
    with site.provider.away():
        page.get_by_role("button", name="Sign in with Acme").click()
        expect(page.get_by_role("heading", name="The sign-in provider is not answering")).to_be_visible()
        expect(page.get_by_text("local account")).to_have_count(0)
        look(page, "sign-in-provider-down")
