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

from accounts.errors import NotConfirmed
from accounts.models import Person, StepUp
from accounts.people.recognition import Identity
from accounts.sign_in import reauthentication
from accounts.sign_in.reauthentication import accept
from accounts.step_up import providers, services
from accounts.step_up.errors import NoProvider, NoStepUp
from tests.accounts.conftest import signed_in
from tests.accounts.fake_provider import ADA, FakeProvider, arrive, configure, finish, running_provider, sign_in
from tests.accounts.test_sign_in import who

pytestmark = pytest.mark.django_db
PURPOSE = "approval:req_00000007"


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


def ask_again(client: Client, acme: FakeProvider, purpose: str = PURPOSE) -> dict[str, str]:
    http_request = request_of(client)
    person = http_request.user
    response = providers.start(http_request, person=person, purpose=purpose, next_path="/approvals/7/")
    http_request.session.save()
    return arrive(response, acme)


def take(client: Client, purpose: str = PURPOSE) -> StepUp | None:
    """Use up the step-up of whoever is signed in there, if there is one."""
    http_request = request_of(client)
    try:
        return services.consume(
            person=http_request.user,
            purpose=purpose,
            session_key=http_request.session.session_key,
            max_age_seconds=300,
        )
    except NoStepUp:
        return None


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
    assert (fresh.method, fresh.person) == ("sso", Person.objects.get(pk=ada))
    assert abs(fresh.at.timestamp() - time.time()) < 10
    assert take(browser) is None


def test_it_counts_for_nothing_else(browser: Client, acme: FakeProvider) -> None:
    sent = ask_again(browser, acme)
    acme.claims = {**ADA, "auth_time": now()}
    finish(browser, acme, sent)
    assert take(browser, "approval:req_00000008") is None
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
    http_request = request_of(signed_in(ada))
    assert reauthentication.last_sign_in(http_request) is None
    with pytest.raises(NoProvider):
        providers.start(http_request, person=ada, purpose=PURPOSE, next_path="/")
    with pytest.raises(NotConfirmed):
        reauthentication.begin(http_request, purpose=PURPOSE, next_url="/")


def test_a_session_knows_how_it_began(browser: Client, acme: FakeProvider) -> None:
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
    due = {"issuer": acme.address, "subject": "ada-7", "purpose": PURPOSE}
    with pytest.raises(NotConfirmed):
        accept(request_of(signed_in(grace)), identity=identity, state={"data": due, "started": time.time()})
