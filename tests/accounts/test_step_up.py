"""A person who is signed in shows again that it is them: once, for one purpose, in one session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client
from django.utils import timezone

from accounts.models import Person, ProviderVisit, StepUp
from accounts.step_up import providers, services
from accounts.step_up.contracts import Method
from accounts.step_up.errors import NoProvider, NoStepUp, ProviderRefused
from tests.accounts.authenticator import JSON, Passkey, add_passkey, challenge_for, post_step_up, step_up
from tests.accounts.test_passkeys import by_link, second_factor

pytestmark = pytest.mark.django_db

PURPOSE, OTHER = "approval:req_12345678", "approval:req_87654321"


@pytest.fixture
def passkey(ada: Person) -> Passkey:
    return add_passkey(by_link(ada))


@pytest.fixture
def client(ada: Person, passkey: Passkey) -> Client:
    client = by_link(ada)
    second_factor(client, passkey)
    return client


def consume(person: Person, client: Client, purpose: str = PURPOSE, seconds: int = 300) -> StepUp:
    key = client.session.session_key or ""
    with transaction.atomic():
        return services.consume(person=person, purpose=purpose, session_key=key, max_age_seconds=seconds)


# --- With a passkey -------------------------------------------------------------------------


def test_a_passkey_gives_one_step_up(ada: Person, passkey: Passkey, client: Client) -> None:
    answer = step_up(client, passkey, PURPOSE)
    assert answer.json()["method"] == "passkey"
    assert abs(answer.json()["at"] - time.time()) < 30
    used = consume(ada, client)
    assert (used.method, used.used_at is not None) == (Method.PASSKEY, True)
    with pytest.raises(NoStepUp):
        consume(ada, client)


def test_a_sign_in_with_the_passkey_is_no_step_up(ada: Person, client: Client) -> None:
    with pytest.raises(NoStepUp):
        consume(ada, client)


def test_a_step_up_is_for_one_purpose(ada: Person, passkey: Passkey, client: Client) -> None:
    step_up(client, passkey, PURPOSE)
    for purpose in (OTHER, "passkeys"):
        with pytest.raises(NoStepUp):
            consume(ada, client, purpose)


def test_a_step_up_is_of_one_session(ada: Person, passkey: Passkey, client: Client) -> None:
    step_up(client, passkey, PURPOSE)
    thief = by_link(ada)
    second_factor(thief, passkey)
    with pytest.raises(NoStepUp):
        consume(ada, thief)
    with pytest.raises(NoStepUp), transaction.atomic():
        services.consume(person=ada, purpose=PURPOSE, session_key="", max_age_seconds=300)


def test_a_step_up_is_of_one_person(grace: Person, passkey: Passkey, client: Client) -> None:
    step_up(client, passkey, PURPOSE)
    with pytest.raises(NoStepUp):
        consume(grace, client)


def test_a_step_up_ages(ada: Person, passkey: Passkey, client: Client) -> None:
    step_up(client, passkey, PURPOSE)
    StepUp.objects.update(at=timezone.now() - timedelta(seconds=301))
    with pytest.raises(NoStepUp):
        consume(ada, client)
    assert consume(ada, client, seconds=400)


def test_a_stolen_session_without_the_passkey_gets_no_step_up(passkey: Passkey, client: Client) -> None:
    forged = Passkey()
    forged.id = passkey.id
    answer = step_up(client, forged, PURPOSE)
    assert (answer.status_code, answer.json()["code"]) == (422, "passkey_refused")
    assert not StepUp.objects.exists()


def test_another_persons_passkey_is_refused(grace: Person, client: Client) -> None:
    foreign = add_passkey(by_link(grace))
    assert step_up(client, foreign, PURPOSE).json()["code"] == "passkey_refused"
    assert not StepUp.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.example"}, {"rp_id": "evil.example"}, {"verified": False}, {"cross_origin": True}],
    ids=["origin", "site", "no finger", "frame"],
)
def test_an_answer_from_elsewhere_or_without_a_finger_is_refused(
    passkey: Passkey, client: Client, changes: dict[str, object]
) -> None:
    assert step_up(client, passkey, PURPOSE, **changes).json()["code"] == "passkey_refused"
    assert not StepUp.objects.exists()


def test_a_removed_passkey_gives_no_step_up(ada: Person, passkey: Passkey, client: Client) -> None:
    challenge = challenge_for(client, PURPOSE)
    ada.authenticator_set.all().delete()
    assert post_step_up(client, PURPOSE, passkey.assertion(challenge)).json()["code"] == "passkey_refused"
    answer = client.post("/step-up/challenge/", {"purpose": PURPOSE}, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_passkey")


def test_a_challenge_is_answered_once_in_time_and_for_its_purpose(passkey: Passkey, client: Client) -> None:
    challenge = challenge_for(client, PURPOSE)
    credential = passkey.assertion(challenge)
    assert post_step_up(client, OTHER, credential).json()["code"] == "unusable_challenge"
    assert post_step_up(client, PURPOSE, credential).status_code == 200
    assert post_step_up(client, PURPOSE, credential).json()["code"] == "unusable_challenge"
    assert post_step_up(client, PURPOSE, passkey.assertion("A" * 43)).json()["code"] == "unusable_challenge"
    assert StepUp.objects.count() == 1


def test_an_answer_counts_only_in_the_session_that_asked(ada: Person, passkey: Passkey, client: Client) -> None:
    credential = passkey.assertion(challenge_for(client, PURPOSE))
    thief = by_link(ada)
    second_factor(thief, passkey)
    assert post_step_up(thief, PURPOSE, credential).json()["code"] == "unusable_challenge"


@pytest.mark.parametrize(
    "purpose", ["", "approval:", "approval:x", "sign-in", "passkeys:add", "x" * 200, "approval:a\0bcdefgh"]
)
def test_a_step_up_is_for_something_that_exists(client: Client, purpose: str) -> None:
    answer = client.post("/step-up/challenge/", {"purpose": purpose}, headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (400, "purpose")
    answer = post_step_up(client, purpose, "{}")
    assert (answer.status_code, answer.json()["field"]) == (400, "purpose")


def test_nobody_tries_for_ever(client: Client) -> None:
    cache.clear()  # signing in has counted too
    codes = {post_step_up(client, PURPOSE, "{}").status_code for _ in range(40)}
    assert codes == {422}
    answer = post_step_up(client, PURPOSE, "{}")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")


def test_a_form_of_another_site_steps_nobody_up(ada: Person, passkey: Passkey) -> None:
    client = by_link(ada, Client(enforce_csrf_checks=False))
    second_factor(client, passkey)
    client.handler.enforce_csrf_checks = True
    for path in ("/step-up/", "/step-up/challenge/", "/step-up/provider/", "/passkeys/", "/passkeys/challenge/"):
        assert client.post(path, {"purpose": PURPOSE}, headers=JSON).status_code == 403


# --- At a provider --------------------------------------------------------------------------


class FakeProvider:
    """Stands in for single sign-on: remembers what it was asked for."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    def name_for(self, person: Person) -> str:
        return "Example ID" if person.issuer != "local" else ""

    def start(self, http_request: HttpRequest, *, purpose: str, next_path: str) -> HttpResponse:
        self.started.append((purpose, next_path))
        return HttpResponseRedirect("https://id.example.com/authorize?prompt=login&max_age=0")


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    before = providers.register(fake)
    yield fake
    providers.register(before)


@pytest.fixture
def sona(grace: Person) -> Person:
    """Somebody who only has single sign-on."""
    grace.issuer, grace.subject = "https://id.example.com", "248289761001"
    grace.save()
    return grace


def leave(client: Client, purpose: str = PURPOSE, next_path: str = "/approvals/req_12345678/") -> HttpResponse:
    return client.post("/step-up/provider/", {"purpose": purpose, "next": next_path})


def come_back(person: Person, client: Client, purpose: str = PURPOSE, *, auth_time: int | None = None) -> StepUp:
    at = int(time.time()) if auth_time is None else auth_time
    key = client.session.session_key or ""
    return services.complete_visit(person=person, purpose=purpose, session_key=key, auth_time=at)


def test_who_only_has_single_sign_on_confirms_at_the_provider(sona: Person, provider: FakeProvider) -> None:
    client = by_link(sona)
    assert leave(client).url.startswith("https://id.example.com/")
    assert provider.started == [(PURPOSE, "/approvals/req_12345678/")]
    assert come_back(sona, client).method == Method.SSO
    assert consume(sona, client)
    with pytest.raises(NoStepUp):
        consume(sona, client)


def test_people_are_sent_back_to_this_site_only(sona: Person, provider: FakeProvider) -> None:
    leave(by_link(sona), next_path="https://evil.example/")
    assert provider.started == [(PURPOSE, "/passkeys/")]


@pytest.mark.parametrize("seconds", [-3600, -31, 31, 3600])
def test_an_old_or_future_sign_in_at_the_provider_does_not_count(
    sona: Person, provider: FakeProvider, seconds: int
) -> None:
    client = by_link(sona)
    leave(client)
    with pytest.raises(ProviderRefused):
        come_back(sona, client, auth_time=int(time.time()) + seconds + (1 if seconds > 0 else 0))
    assert not StepUp.objects.exists()


@pytest.mark.parametrize("seconds", [-29, 0, 29])
def test_clocks_may_differ_by_half_a_minute(sona: Person, provider: FakeProvider, seconds: int) -> None:
    client = by_link(sona)
    leave(client)
    assert come_back(sona, client, auth_time=int(time.time()) + seconds).at <= timezone.now()


@pytest.mark.parametrize("auth_time", [-1, 2**70, True, "1", None, 1.5], ids=repr)
def test_nonsense_for_a_time_does_not_count(sona: Person, provider: FakeProvider, auth_time: object) -> None:
    client = by_link(sona)
    leave(client)
    key = client.session.session_key or ""
    with pytest.raises(ProviderRefused):
        services.complete_visit(person=sona, purpose=PURPOSE, session_key=key, auth_time=auth_time)  # type: ignore[arg-type]


def test_nobody_comes_back_who_did_not_leave(sona: Person, ada: Person, provider: FakeProvider) -> None:
    client = by_link(sona)
    with pytest.raises(ProviderRefused):
        come_back(sona, client)
    leave(client)
    with pytest.raises(ProviderRefused):
        come_back(sona, client, OTHER)
    with pytest.raises(ProviderRefused):
        come_back(ada, client)
    with pytest.raises(ProviderRefused):
        come_back(sona, by_link(sona))
    ProviderVisit.objects.update(expires_at=timezone.now())
    with pytest.raises(ProviderRefused):
        come_back(sona, client)


def test_coming_back_twice_counts_once(sona: Person, provider: FakeProvider) -> None:
    client = by_link(sona)
    leave(client)
    come_back(sona, client)
    with pytest.raises(ProviderRefused):
        come_back(sona, client)
    assert StepUp.objects.count() == 1


def test_who_has_a_passkey_uses_it_and_not_the_provider(sona: Person, provider: FakeProvider) -> None:
    client = by_link(sona)
    add_passkey(client)
    assert leave(client).url == "/approvals/req_12345678/"
    assert not provider.started
    with pytest.raises(NoProvider):
        services.begin_visit(person=sona, purpose=PURPOSE, session_key=client.session.session_key or "")


def test_without_a_provider_there_is_nowhere_to_go(ada: Person) -> None:
    client = by_link(ada)
    assert leave(client).url == "/approvals/req_12345678/"
    assert not ProviderVisit.objects.exists()


def test_a_confirmation_at_the_provider_lets_an_old_session_add_a_passkey(sona: Person, provider: FakeProvider) -> None:
    client = by_link(sona)
    session = client.session
    session["account_authentication_methods"][0]["at"] -= 1000
    session.save()
    assert "Confirm at Example ID" in client.get("/passkeys/").content.decode()
    leave(client, "passkeys", "/passkeys/")
    come_back(sona, client, "passkeys")
    add_passkey(client)
