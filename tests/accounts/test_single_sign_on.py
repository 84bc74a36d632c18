"""Signing in at a provider: who somebody is, where they go on to, what goes wrong there."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client, RequestFactory

from accounts.models import Person
from accounts.people.recognition import username_of
from accounts.people.services import create
from accounts.sign_in.openid.http import MAXIMUM_BYTES
from tests.accounts.conftest import signed_in
from tests.accounts.fake_provider import (
    ADA,
    CLIENT_ID,
    FakeProvider,
    begin,
    configure,
    finish,
    running_provider,
    sign_in,
)
from tests.accounts.test_checks import manage
from tests.accounts.test_sign_in import ELSEWHERE, who

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(settings: LazySettings) -> Iterator[FakeProvider]:
    with running_provider() as provider:
        configure(settings, provider.app())
        yield provider


def test_the_sign_in_page_has_a_button_for_the_provider(client: Client, acme: FakeProvider) -> None:
    page = client.get("/accounts/login/", {"next": "/approvals/7/"}).content.decode()
    assert "Sign in with Acme" in page
    assert 'action="/accounts/oidc/acme/login/"' in page
    assert page.count('name="next" value="/approvals/7/"') == 2


def test_a_stranger_becomes_a_person_without_any_role(client: Client, acme: FakeProvider) -> None:
    response = sign_in(client, acme)
    assert (response.status_code, response.url) == (302, "/approvals/")
    person = Person.objects.get()
    assert who(client) == str(person.pk)
    assert (person.issuer, person.subject, person.display_name) == (acme.address, "ada-7", "Ada Lovelace")
    assert person.external_id == f"{acme.address}#ada-7"
    assert person.username == username_of(acme.address, "ada-7")
    assert (person.email, person.has_usable_password(), person.is_staff, person.is_superuser) == (
        "",
        False,
        False,
        False,
    )
    assert not person.role_grants.exists()
    assert not SocialAccount.objects.exists()


def test_the_same_subject_is_the_same_person_under_any_name_and_address(client: Client, acme: FakeProvider) -> None:
    sign_in(client, acme)
    acme.claims = {"sub": "ada-7", "name": "Ada King", "email": "new@example.com"}
    sign_in(Client(), acme)
    assert Person.objects.get().display_name == "Ada King"


@pytest.mark.parametrize(
    ("email", "verified", "kept"),
    [
        ("ada@example.com", True, "ada@example.com"),
        ("ada@example.com", False, "old@example.com"),
        ("ada@example.com", "true", "old@example.com"),
        ("ada@example.com", None, "old@example.com"),
        ("no address", True, "old@example.com"),
        ("a@b@example.com", True, "old@example.com"),
        ("ada@example.com\r\nBcc: all@example.com", True, "old@example.com"),
        (["ada@example.com"], True, "old@example.com"),
        (f"{'a' * 300}@example.com", True, "old@example.com"),
    ],
)
def test_only_an_address_that_the_provider_has_verified_is_kept(
    client: Client, acme: FakeProvider, email: object, verified: object, kept: str
) -> None:
    sign_in(client, acme)
    Person.objects.update(email="old@example.com")
    acme.claims = {**ADA, "email": email, "email_verified": verified}
    sign_in(Client(), acme)
    assert Person.objects.get().email == kept


def test_an_address_that_changes_its_owner_hands_over_nothing(client: Client, acme: FakeProvider, ada: Person) -> None:
    address = {"email": "ada@example.com", "email_verified": True}
    Person.objects.filter(pk=ada.pk).update(email="ada@example.com")
    acme.claims = {**ADA, **address}
    sign_in(client, acme)
    first = Person.objects.get(subject="ada-7")
    acme.claims = {"sub": "mallory-8", "name": "Mallory", "preferred_username": "ada", **address}
    thief = Client()
    sign_in(thief, acme)
    second = Person.objects.get(subject="mallory-8")
    assert who(thief) == str(second.pk)
    assert len({ada.pk, first.pk, second.pk}) == 3
    assert not second.role_grants.exists()


def test_the_same_subject_of_another_provider_is_somebody_else(acme: FakeProvider, settings: LazySettings) -> None:
    with running_provider("okta") as okta:
        configure(settings, acme.app(), okta.app(client_id="another"))
        okta.claims = {**ADA, "aud": "another"}
        sign_in(Client(), acme)
        sign_in(Client(), okta)
        assert Person.objects.count() == 2
        # An answer of one is no answer to a sign-in at the other.
        client = Client()
        sent = begin(client, acme)
        assert finish(client, okta, sent).status_code == 400
        assert who(client) is None


def test_a_local_person_is_nobodys_by_subject(client: Client, acme: FakeProvider, ada: Person) -> None:
    acme.claims = {"sub": "ada", "name": "Ada"}
    sign_in(client, acme)
    assert who(client) != str(ada.pk)


def test_a_username_that_is_taken_here_lets_nobody_in(client: Client, acme: FakeProvider) -> None:
    create(username=username_of(acme.address, "ada-7"), display_name="Trap", role=None, created_by="tests")
    assert sign_in(client, acme).status_code == 422
    assert who(client) is None


def test_a_deactivated_person_is_not_let_in_and_nothing_changes(client: Client, acme: FakeProvider) -> None:
    sign_in(Client(), acme)
    Person.objects.update(is_active=False)
    acme.claims = {**ADA, "name": "Changed"}
    response = sign_in(client, acme)
    assert (response.status_code, response.url) == (302, "/accounts/inactive/")
    assert who(client) is None
    assert Person.objects.get().display_name == "Ada Lovelace"


def test_whoever_was_signed_in_before_is_not_in_the_new_session(acme: FakeProvider, grace: Person) -> None:
    client = signed_in(grace)
    before = client.session.session_key
    sign_in(client, acme)
    assert who(client) == str(Person.objects.get(subject="ada-7").pk)
    assert client.session.session_key != before


def test_a_session_ends_after_the_hours_that_are_set(
    client: Client, acme: FakeProvider, settings: LazySettings
) -> None:
    settings.SINGLE_SIGN_ON_HOURS = 2
    sign_in(client, acme)
    assert 7_100 < client.session.get_expiry_age() <= 7_200


def test_signing_out_works(client: Client, acme: FakeProvider) -> None:
    sign_in(client, acme)
    client.post("/accounts/logout/")
    assert who(client) is None
    assert "single_sign_on" not in client.session


# --- the way there and back -----------------------------------------------------------------


def test_the_browser_carries_state_nonce_and_pkce_to_the_provider(client: Client, acme: FakeProvider) -> None:
    sent = begin(client, acme)
    assert (sent["client_id"], sent["response_type"], sent["code_challenge_method"]) == (CLIENT_ID, "code", "S256")
    assert sent["redirect_uri"] == "http://localhost:5050/accounts/oidc/acme/login/callback/"
    assert set(sent["scope"].split()) == {"openid", "profile"}
    assert len(sent["nonce"]) >= 43
    assert begin(Client(), acme)["nonce"] != sent["nonce"]


def test_a_deep_link_survives_the_round_trip(client: Client, acme: FakeProvider) -> None:
    assert sign_in(client, acme, next_url="/approvals/7/?from=slack").url == "/approvals/7/?from=slack"


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_the_round_trip_never_leads_to_another_site(client: Client, acme: FakeProvider, elsewhere: str) -> None:
    assert sign_in(client, acme, next_url=elsewhere).url == "/approvals/"


def test_a_link_elsewhere_begins_nothing(client: Client, acme: FakeProvider) -> None:
    assert client.get("/accounts/oidc/acme/login/").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/accounts/oidc/acme/login/").status_code == 403
    assert acme.asked == []


def test_the_pages_address_adds_nothing_to_what_is_asked_for(client: Client, acme: FakeProvider) -> None:
    extra = "?process=connect&scope=admin&auth_params=nonce%3Dmine%26redirect_uri%3Dhttps://evil.example/"
    response = client.post(f"/accounts/oidc/acme/login/{extra}", {"process": "connect", "action": "reauthenticate"})
    for stray in ("mine", "evil", "admin", "connect"):
        assert stray not in response.url


def test_an_unknown_provider_is_not_there(client: Client, acme: FakeProvider) -> None:
    assert client.post("/accounts/oidc/other/login/").status_code == 404
    assert client.get("/accounts/oidc/other/login/callback/").status_code == 404


def test_a_provider_in_the_database_is_none(client: Client, acme: FakeProvider) -> None:
    app = acme.app()
    SocialApp.objects.create(
        provider="openid_connect", provider_id="planted", name="Planted", client_id="x", settings=app["settings"]
    )
    assert client.post("/accounts/oidc/planted/login/").status_code == 404
    assert "Planted" not in client.get("/accounts/login/").content.decode()
    assert [app.name for app in get_adapter().list_apps(RequestFactory().get("/"))] == ["Acme"]


def test_an_answer_works_once(client: Client, acme: FakeProvider) -> None:
    sent = begin(client, acme)
    finish(client, acme, sent)
    client.post("/accounts/logout/")
    assert finish(client, acme, sent).status_code == 400
    assert who(client) is None


def test_an_answer_to_another_browsers_sign_in_is_refused(client: Client, acme: FakeProvider) -> None:
    """Mallory lets Vera's browser finish what Mallory began, so that Vera would act as Mallory."""
    sent = begin(Client(), acme)
    response = finish(client, acme, sent)
    assert response.status_code == 400
    assert "Begin again" in response.content.decode()
    assert who(client) is None


def test_an_answer_that_names_another_issuer_is_refused(client: Client, acme: FakeProvider) -> None:
    assert finish(client, acme, begin(client, acme), iss="https://evil.example").status_code == 403
    assert who(client) is None


@pytest.mark.parametrize("error", ["access_denied", "server_error", "<script>", ""])
def test_a_sign_in_that_was_cancelled_there_is_said_calmly(client: Client, acme: FakeProvider, error: str) -> None:
    sent = begin(client, acme, "/approvals/7/")
    response = client.get("/accounts/oidc/acme/login/callback/", {"error": error, "state": sent["state"]})
    page = response.content.decode()
    assert response.status_code == 403
    assert "cancelled" in page
    assert 'value="/approvals/7/"' in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    "query", ["", "state=", "state=x&code=y", "code=y", "error=x", "state=%00", "code=%ff&state=%ff"]
)
def test_a_made_up_answer_is_refused(client: Client, acme: FakeProvider, query: str) -> None:
    assert client.get(f"/accounts/oidc/acme/login/callback/?{query}").status_code == 400


def test_pages_of_allauth_that_link_accounts_do_not_exist(client: Client, acme: FakeProvider) -> None:
    sign_in(client, acme)
    for path in (
        "social/connections/",
        "social/signup/",
        "social/login/cancelled/",
        "social/login/error/",
        "3rdparty/",
    ):
        assert client.get(f"/accounts/{path}").status_code == 404


def test_beginning_again_and_again_is_slowed_down(client: Client, acme: FakeProvider) -> None:
    answers = [client.post("/accounts/oidc/acme/login/").status_code for _ in range(61)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {302}


# --- a provider that is down, or talks nonsense ---------------------------------------------

NONSENSE = [
    (500, b"{}"),
    (503, b""),
    (404, b"{}"),
    (302, b"http://localhost:1/"),
    (200, b""),
    (200, b"<html>"),
    (200, b"[]"),
    (200, b'"text"'),
    (200, b"\xff\xfe"),
    (200, b"[" * 100_000),
    (200, b" " * (4 * 1024 * 1024 + 1)),
]


def nobody_was_signed_in(response: object, client: Client, statuses: tuple[int, ...] = (503,)) -> None:
    assert response.status_code in statuses  # type: ignore[attr-defined]
    page = response.content.decode()  # type: ignore[attr-defined]
    assert "Sign in with Acme" in page
    assert "Traceback" not in page
    assert who(client) is None
    assert not Person.objects.exists()


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"])
@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: f"{answer[0]}-{bytes(answer[1][:9])!r}")
def test_nonsense_is_said_to_be_that(client: Client, acme: FakeProvider, path: str, answer: tuple[int, bytes]) -> None:
    acme.claims = {"sub": "ada-7"}  # so that userinfo is asked for the name
    sent = begin(client, acme)
    acme.answers[path] = answer
    nobody_was_signed_in(finish(client, acme, sent), client, (503, 403) if path == "/token" else (503,))


def test_the_provider_cannot_send_us_elsewhere(client: Client, acme: FakeProvider) -> None:
    """Another address could be one inside our network, and would get what we send with it."""
    sent = begin(client, acme)
    for path in ("/.well-known/openid-configuration", "/jwks", "/token"):
        acme.answers = {
            path: (307, f"{acme.address}/elsewhere".encode()),
            "/elsewhere": (200, json.dumps(acme.answer(path, {})[1]).encode()),
        }
        assert finish(client, acme, sent).status_code in (503, 403)
        acme.answers = {}
        sent = begin(client, acme)
    assert "/elsewhere" not in [path for path, _, _ in acme.asked]


def test_an_answer_that_is_right_but_endless_is_not_read(client: Client, acme: FakeProvider) -> None:
    sent = begin(client, acme)
    acme.answers["/jwks"] = (200, json.dumps({"keys": acme.keys}).encode() + b" " * MAXIMUM_BYTES)
    nobody_was_signed_in(finish(client, acme, sent), client)


@pytest.mark.parametrize("answer", [b'{"access_token": 7}', b'{"id_token": 7, "access_token": "x"}', b"7", b"null"])
def test_an_odd_answer_to_the_code_is_refused(client: Client, acme: FakeProvider, answer: bytes) -> None:
    sent = begin(client, acme)
    acme.answers["/token"] = (200, answer)
    nobody_was_signed_in(finish(client, acme, sent), client, (403,))


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: f"{answer[0]}-{bytes(answer[1][:9])!r}")
def test_a_sign_in_does_not_even_begin_with_nonsense(
    client: Client, acme: FakeProvider, answer: tuple[int, bytes]
) -> None:
    acme.answers["/.well-known/openid-configuration"] = answer
    nobody_was_signed_in(client.post("/accounts/oidc/acme/login/"), client)


@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": 7},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://evil.example/jwks"},
        {"token_endpoint": "http://169.254.169.254/"},
        {"userinfo_endpoint": "http://evil.example/"},
        {"authorization_endpoint": "https://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://[half"},
    ],
)
def test_discovery_is_not_believed_blindly(client: Client, acme: FakeProvider, lie: dict[str, object]) -> None:
    acme.discovery = lie
    nobody_was_signed_in(client.post("/accounts/oidc/acme/login/"), client)


def test_a_provider_that_is_gone_is_said_to_be_gone(client: Client, settings: LazySettings) -> None:
    with running_provider() as provider:
        configure(settings, provider.app())
    response = client.post("/accounts/oidc/acme/login/", {"next": "/approvals/7/"})
    nobody_was_signed_in(response, client)
    assert response["Retry-After"]
    assert "/accounts/login/?next=%2Fapprovals%2F7%2F" in response.content.decode()
    assert "evil" not in client.post("/accounts/oidc/acme/login/", {"next": "//evil.example/"}).content.decode()
    settings.LOCAL_ACCOUNTS = False
    assert "local account" not in client.post("/accounts/oidc/acme/login/").content.decode()


def test_the_log_says_why_and_holds_no_secret(
    client: Client, acme: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    sent = begin(client, acme)
    acme.answers["/token"] = (400, b'{"error": "planted", "id_token": "planted"}')
    with caplog.at_level(logging.WARNING):
        finish(client, acme, sent)
    assert "did not exchange the code" in caplog.text
    for secret in ("planted", "a secret of the two", "a-code"):
        assert secret not in caplog.text


def test_limits_are_kept_where_all_processes_see_them(
    client: Client, acme: FakeProvider, settings: LazySettings
) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "rate_limits"},
    }
    call_command("createcachetable", verbosity=0)
    for _ in range(61):
        response = client.post("/accounts/oidc/acme/login/")
    assert response.status_code == 429
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rate_limits WHERE cache_key LIKE '%single_sign_on%'")
        assert cursor.fetchone() == (1,)


def test_an_installation_of_several_processes_shares_its_limits() -> None:
    shown = manage("diffsettings", DATABASE_URL="postgresql://countersign@localhost/countersign").stdout
    assert re.search(r"^CACHES = .*DatabaseCache", shown, re.MULTILINE)
