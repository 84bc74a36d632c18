"""Signing in once more at the provider: it counts for the same person, now, for one thing, once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.test import Client, RequestFactory

from accounts.errors import NotFresh
from accounts.models import Person
from accounts.people.recognition import Identity
from accounts.sign_in import reauthentication
from accounts.sign_in.reauthentication import accept
from tests.accounts.conftest import signed_in
from tests.accounts.fake_provider import ADA, FakeProvider, arrive, configure, finish, running_provider, sign_in
from tests.accounts.test_sign_in import who

pytestmark = pytest.mark.django_db
FLOW = {"request": "7"}


@pytest.fixture
def acme(settings: LazySettings) -> Iterator[FakeProvider]:
    with running_provider() as provider:
        configure(settings, provider.app())
        yield provider


@pytest.fixture
def browser(acme: FakeProvider) -> Client:
    """Ada's browser, signed in by her provider."""
    client = Client()
    sign_in(client, acme)
    return client


def request_of(client: Client) -> Any:
    """Return a request as a view of ours would get it from this browser."""
    http_request = RequestFactory().post("/")
    session: SessionBase = client.session
    http_request.session = session
    http_request.user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    return http_request


def ask_again(client: Client, acme: FakeProvider, flow: dict[str, str] = FLOW) -> dict[str, str]:
    http_request = request_of(client)
    return arrive(reauthentication.begin(http_request, flow=flow, next_url="/approvals/7/"), acme)


def take(client: Client, flow: dict[str, str] = FLOW) -> reauthentication.Fresh | None:
    http_request = request_of(client)
    fresh = reauthentication.take(http_request, flow=flow)
    http_request.session.save()
    return fresh


def now() -> int:
    return int(time.time())


def test_the_provider_is_asked_for_a_new_sign_in(browser: Client, acme: FakeProvider) -> None:
    sent = ask_again(browser, acme)
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")


def test_a_new_sign_in_of_the_same_person_counts_once(browser: Client, acme: FakeProvider) -> None:
    ada = who(browser)
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now()}
    response = finish(browser, acme, sent)
    assert (response.status_code, response.url) == (302, "/approvals/7/")
    assert who(browser) == ada
    fresh = take(browser)
    assert fresh
    assert (fresh.issuer, fresh.subject, fresh.auth_time) == (acme.address, "ada-7", acme.claims["auth_time"])
    assert abs(fresh.at - time.time()) < 10
    assert take(browser) is None


def test_it_counts_for_nothing_else(browser: Client, acme: FakeProvider) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now()}
    finish(browser, acme, sent)
    assert take(browser, {"request": "8"}) is None
    assert take(browser)


OLD = {
    "no time": lambda: None,
    "an old session there": lambda: now() - 40,
    "the future": lambda: now() + 40,
    "words": lambda: "now",
    "truth": lambda: True,
    "a fraction": lambda: time.time(),
    "nested": lambda: {"auth_time": now()},
}


@pytest.mark.parametrize("old", OLD)
def test_an_old_sign_in_does_not_count(browser: Client, acme: FakeProvider, old: str) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": OLD[old]()}
    response = finish(browser, acme, sent)
    assert response.status_code == 403
    assert "Nothing was confirmed" in response.content.decode()
    assert take(browser) is None


@pytest.mark.parametrize("skew", [-29, 29])
def test_clocks_may_differ(browser: Client, acme: FakeProvider, skew: int) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now() + skew}
    finish(browser, acme, sent)
    assert take(browser)


def test_somebody_elses_sign_in_does_not_count(browser: Client, acme: FakeProvider) -> None:
    ada = who(browser)
    sent = ask_again(browser, acme)
    acme.claims = {"sub": "mallory-8", "name": "Mallory", "auth_time": now()}
    assert finish(browser, acme, sent).status_code == 403
    assert who(browser) == ada
    assert take(browser) is None
    assert not Person.objects.filter(subject="mallory-8").exists()


def test_it_does_not_count_for_whoever_uses_the_browser_next(browser: Client, acme: FakeProvider) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now()}
    finish(browser, acme, sent)
    session = browser.session
    stolen = session["single_sign_on_fresh"]
    mallory = Client()
    acme.claims = {"sub": "mallory-8", "auth_time": now()}
    sign_in(mallory, acme)
    planted = mallory.session
    planted["single_sign_on_fresh"] = stolen
    planted.save()
    assert take(mallory) is None


def test_an_ordinary_sign_in_is_not_taken_for_a_new_one(browser: Client, acme: FakeProvider) -> None:
    acme.claims = {**ADA, "auth_time": now()}
    sign_in(browser, acme)
    assert take(browser) is None


def test_signing_out_forgets_it(browser: Client, acme: FakeProvider) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now()}
    finish(browser, acme, sent)
    browser.post("/accounts/logout/")
    sign_in(browser, acme)
    assert take(browser) is None


def test_saying_no_at_the_provider_leaves_the_person_signed_in(browser: Client, acme: FakeProvider) -> None:
    ada = who(browser)
    sent = ask_again(browser, acme)
    answer = {"error": "login_required", "state": sent["state"]}
    response = browser.get("/accounts/oidc/acme/login/callback/", answer)
    assert response.status_code == 403
    assert 'href="/approvals/7/"' in response.content.decode()
    assert who(browser) == ada


def test_local_people_have_nobody_to_ask(acme: FakeProvider, ada: Person, settings: LazySettings) -> None:
    client = signed_in(ada)
    assert not reauthentication.is_possible(request_of(client))
    assert reauthentication.last_sign_in(request_of(client)) is None
    with pytest.raises(NotFresh):
        reauthentication.begin(request_of(client), flow=FLOW, next_url="/")


def test_a_session_knows_how_it_began(browser: Client, acme: FakeProvider) -> None:
    assert reauthentication.is_possible(request_of(browser))
    known = reauthentication.last_sign_in(request_of(browser))
    assert known
    assert (known["provider"], known["issuer"], known["subject"], known["auth_time"]) == (
        "acme",
        acme.address,
        "ada-7",
        None,
    )


def test_it_counts_only_while_the_same_person_is_signed_in(acme: FakeProvider, grace: Person) -> None:
    """Even if a flow of Ada's ended in a session that is Grace's by now."""
    identity = Identity("acme", acme.address, "ada-7", "Ada", frozenset(), auth_time=now())
    due = {"issuer": acme.address, "subject": "ada-7", "flow": FLOW}
    with pytest.raises(NotFresh):
        accept(request_of(signed_in(grace)), identity=identity, state={"data": due, "started": time.time()})
