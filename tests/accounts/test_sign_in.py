"""Getting in: once by a link, by a password where that is allowed, and in no other way."""

from __future__ import annotations

import logging
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.errors import InvalidLifetime, LocalAccountsOff
from accounts.models import Person, SignInLink
from accounts.sign_in import services
from accounts.sign_in.adapter import AccountAdapter
from accounts.sign_in.backend import PersonBackend
from tests.accounts.conftest import signed_in

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    " https://evil.example",
    "http:///evil.example",
    "/\t/evil.example",
    "http://testserver/approvals/",
]


@pytest.fixture
def path(ada: Person) -> str:
    address = services.issue_link(person=ada, valid_for_seconds=60)
    assert address.startswith("http://localhost:5050/sign-in/")
    return urlsplit(address).path


def who(client: Client) -> str | None:
    """Return the id of whoever is signed in."""
    return client.session.get("_auth_user_id")


# --- links ----------------------------------------------------------------------------------


def test_opening_a_link_changes_nothing(client: Client, path: str) -> None:
    for method in (client.get, client.head, client.get):
        assert method(path).status_code == 200
    assert who(client) is None
    assert SignInLink.objects.get().redeemed_at is None


def test_opening_a_link_says_whom_it_signs_in(client: Client, path: str) -> None:
    assert "Ada Lovelace" in client.get(path).content.decode()


def test_pressing_the_button_signs_in(client: Client, ada: Person, path: str) -> None:
    response = client.post(path)
    assert (response.status_code, response.url) == (302, "/approvals/")
    assert who(client) == str(ada.pk)


def test_a_link_leads_on_to_where_the_person_was_going(client: Client, path: str) -> None:
    page = client.get(path, {"next": "/keys/?from=link"})
    assert page.context["next"] == "/keys/?from=link"
    response = client.post(path, {"next": "/keys/?from=link"})
    assert (response.status_code, response.url) == (302, "/keys/?from=link")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_a_link_never_leads_to_another_site(client: Client, path: str, elsewhere: str) -> None:
    assert "evil" not in client.get(path, {"next": elsewhere}).content.decode()
    assert client.post(path, {"next": elsewhere}).url == "/approvals/"


def test_a_link_works_once(client: Client, path: str) -> None:
    client.post(path)
    thief = Client()
    for response in (thief.get(path), thief.post(path)):
        assert response.status_code == 404
        assert "Ada" not in response.content.decode()
    assert who(thief) is None


def test_a_late_link_does_not_work(client: Client, path: str) -> None:
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
    assert who(client) is None


def test_a_link_of_a_deactivated_person_does_not_work(client: Client, ada: Person, path: str) -> None:
    Person.objects.update(is_active=False)
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
    assert who(client) is None
    assert SignInLink.objects.get().redeemed_at is None


def test_a_link_dies_with_local_accounts(client: Client, path: str, settings: LazySettings) -> None:
    settings.LOCAL_ACCOUNTS = False
    assert client.post(path).status_code == 404
    assert who(client) is None


@pytest.mark.parametrize("token", ["x", "A" * 43, "ä" * 43, "%00", "..", "A" * 5000])
def test_a_guessed_link_does_not_work(client: Client, path: str, token: str) -> None:
    assert client.post(f"/sign-in/{token}/").status_code == 404
    response = client.post(f"/sign-in/{token}/", headers={"accept": "application/json"})
    assert response.status_code == 404
    assert who(client) is None


def test_guessing_links_is_slowed_down(client: Client, path: str) -> None:
    answers = [client.get("/sign-in/guess/").status_code for _ in range(61)]
    assert (set(answers[:-1]), answers[-1]) == ({404}, 429)
    assert client.post(path).status_code == 429


def test_a_script_is_told_that_a_link_does_not_work(client: Client) -> None:
    response = client.post("/sign-in/guess/", headers={"accept": "application/json"})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (404, "unusable_link", "token")


def test_the_database_does_not_hold_the_way_in(path: str) -> None:
    token = path.split("/")[2]
    stored = SignInLink.objects.values().get()
    assert len(token) == 43
    assert token not in str(stored)
    assert token.encode() not in bytes(stored["token_hash"])


def test_a_link_cannot_be_used_from_another_site(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(path).status_code == 403
    assert SignInLink.objects.get().redeemed_at is None
    client.get(path)
    token = client.cookies["countersign_csrf"].value
    assert client.post(path, {"csrfmiddlewaretoken": token}).status_code == 302


def test_a_link_starts_a_session_of_its_own(ada: Person, grace: Person, path: str) -> None:
    """Whoever planted a session id before, or was signed in before, is not in the new session."""
    client = signed_in(grace)
    before = client.session.session_key
    client.post(path)
    assert who(client) == str(ada.pk)
    assert client.session.session_key != before


def test_the_page_of_a_link_is_neither_cached_nor_mentioned_elsewhere(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert "no-store" in headers["Cache-Control"]
    assert headers["Referrer-Policy"] == "same-origin"


def test_logs_do_not_hold_the_way_in(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = next(handler for handler in logging.getLogger().handlers if handler.name == "stderr")
    written = StringIO()
    monkeypatch.setattr(handler, "stream", written)
    Client(enforce_csrf_checks=True).post(path)
    logging.getLogger("uvicorn.access").warning('%s - "%s %s HTTP/%s" %d', "::1", "GET", path, "1.1", 200)
    assert written.getvalue().count("/sign-in/…/") == 2
    assert path not in written.getvalue()


@pytest.mark.parametrize("seconds", [0, -1, 24 * 3600 + 1])
def test_links_live_a_day_at_most(ada: Person, seconds: int) -> None:
    with pytest.raises(InvalidLifetime):
        services.issue_link(person=ada, valid_for_seconds=seconds)


def test_without_local_accounts_no_link_is_made(ada: Person, settings: LazySettings) -> None:
    settings.LOCAL_ACCOUNTS = False
    with pytest.raises(LocalAccountsOff):
        services.issue_link(person=ada, valid_for_seconds=60)
    assert not SignInLink.objects.exists()


# --- passwords ------------------------------------------------------------------------------


@pytest.fixture
def ada_with_password(ada: Person) -> Person:
    ada.set_password(PASSWORD)
    ada.save()
    return ada


def sign_in(client: Client, password: str = PASSWORD, login: str = "ada", **extra: str):
    return client.post("/accounts/login/", {"login": login, "password": password, **extra})


def test_a_password_signs_in(client: Client, ada_with_password: Person) -> None:
    response = sign_in(client)
    assert (response.status_code, response.url) == (302, "/approvals/")
    assert who(client) == str(ada_with_password.pk)


def test_a_wrong_password_does_not(client: Client, ada_with_password: Person) -> None:
    for login in ("ada", "nobody", "ada\x00", ""):
        assert sign_in(client, "wrong", login).status_code == 200
    assert who(client) is None


def test_a_person_without_a_password_has_none_to_guess(client: Client, ada: Person) -> None:
    for password in ("", "None", ada.password, "!"):
        sign_in(client, password)
    assert who(client) is None


def test_guessing_passwords_is_slowed_down(client: Client, ada_with_password: Person) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    response = sign_in(client)
    assert "Too many failed" in response.content.decode()
    assert who(client) is None


def test_a_deactivated_person_cannot_sign_in_by_password(client: Client, ada_with_password: Person) -> None:
    Person.objects.update(is_active=False)
    sign_in(client)
    assert who(client) is None
    assert client.get("/accounts/inactive/").status_code == 200


def test_a_session_of_a_deactivated_person_is_nobodys(client: Client, ada_with_password: Person) -> None:
    sign_in(client)
    Person.objects.update(is_active=False)
    assert client.get("/accounts/login/").status_code == 200  # not redirected as somebody who is signed in
    assert client.get("/accounts/login/").context["user"].is_anonymous


def test_a_new_password_ends_other_sessions(client: Client, ada_with_password: Person) -> None:
    sign_in(client)
    ada_with_password.set_password("another good password")
    ada_with_password.save()
    assert client.get("/accounts/login/").context["user"].is_anonymous


def test_without_local_accounts_passwords_are_worthless(
    client: Client, ada_with_password: Person, settings: LazySettings
) -> None:
    settings.LOCAL_ACCOUNTS = False
    response = sign_in(client)
    assert response.status_code == 200
    assert who(client) is None
    assert PersonBackend().authenticate(None, username="ada", password=PASSWORD) is None
    assert not client.login(username="ada", password=PASSWORD)
    assert 'type="password"' not in client.get("/accounts/login/").content.decode()


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_in_never_leads_to_another_site(client: Client, ada_with_password: Person, elsewhere: str) -> None:
    assert sign_in(client, next=elsewhere).url == "/approvals/"


def test_signing_in_leads_on_to_where_the_person_was_going(client: Client, ada_with_password: Person) -> None:
    assert sign_in(client, next="/keys/").url == "/keys/"


def test_passwords_of_forms_of_other_sites_are_refused(ada_with_password: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client).status_code == 403


def test_nobody_signs_up(client: Client, db: None) -> None:
    form = {"username": "mallory", "password1": PASSWORD, "password2": PASSWORD, "email": "m@example.com"}
    assert client.post("/accounts/signup/", form).status_code == 404
    assert not AccountAdapter().is_open_for_signup(RequestFactory().post("/accounts/signup/", form))
    assert not Person.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["password/reset/", "password/change/", "password/set/", "email/", "confirm-email/", "login/code/confirm/"],
)
def test_pages_of_allauth_that_are_not_needed_do_not_exist(client: Client, address: str) -> None:
    assert client.get(f"/accounts/{address}").status_code == 404


def test_following_a_link_does_not_sign_out(ada: Person) -> None:
    client = signed_in(ada)
    assert client.get("/accounts/logout/").status_code == 200
    assert who(client) == str(ada.pk)
    client.post("/accounts/logout/")
    assert who(client) is None


# --- commands -------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_an_operator_creates_a_person_and_a_link_for_them(client: Client, db: None) -> None:
    assert "local:ada" in run("create_person", "ada", "--name", "Ada Lovelace", "--role", "approver")
    person = Person.objects.get()
    assert (person.display_name, person.has_usable_password(), person.is_staff) == ("Ada Lovelace", False, False)
    grant = person.role_grants.get()
    assert (grant.role, grant.granted_by) == ("approver", "command line")
    address = run("sign_in_link", "ada").strip()
    client.post(urlsplit(address).path)
    assert who(client) == str(person.pk)


def test_a_person_without_a_name_is_called_by_their_username(db: None) -> None:
    run("create_person", "ada")
    assert Person.objects.get().display_name == "ada"


@pytest.mark.parametrize(
    "arguments",
    [
        ("create_person", "ada", "--name", "Another"),
        ("create_person", "not a username"),
        ("create_person", ""),
        ("create_person", "a" * 151),
        ("create_person", "bob", "--name", "Bob\u202e"),
        ("create_person", "bob", "--name", "B" * 201),
        ("create_person", "bob", "--role", "administrator"),
        ("sign_in_link", "nobody"),
        ("sign_in_link", "ada", "--minutes", "0"),
        ("sign_in_link", "ada", "--minutes", "100000"),
    ],
)
def test_commands_refuse_with_a_sentence_and_write_nothing(ada: Person, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert len(str(refusal.value)) > 20
    assert Person.objects.count() == 1
    assert not SignInLink.objects.exists()


def test_there_is_no_link_for_a_deactivated_person(ada: Person) -> None:
    Person.objects.update(is_active=False)
    with pytest.raises(CommandError, match="Nobody active"):
        run("sign_in_link", "ada")
