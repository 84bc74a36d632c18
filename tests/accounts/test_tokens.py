"""Bearer tokens: what they reach, what they never reach, and when they are dead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import errors
from accounts.models import ApiToken, Person, RoleGrant
from accounts.tokens import services
from accounts.tokens.access import BearerTokenMiddleware
from tests.accounts.conftest import signed_in

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


def bearer(text: str) -> dict[str, str]:
    return {**JSON, "authorization": f"Bearer {text}"}


@pytest.fixture
def token(ada: Person) -> tuple[ApiToken, str]:
    return services.make(person=ada, name="Laptop")


@pytest.fixture
def text(token: tuple[ApiToken, str]) -> str:
    return token[1]


def program() -> Client:
    """A client that checks CSRF as a real server does."""
    return Client(enforce_csrf_checks=True)


# --- What a token reaches ---------------------------------------------------------------------


def test_a_token_shows_the_queue_and_whose_it_is(text: str, ada: Person) -> None:
    assert program().get("/approvals/", headers=bearer(text)).json()["cards"] == []
    whose = program().get("/tokens/current/", headers=bearer(text)).json()
    assert (whose["external_id"], whose["name"]) == (ada.external_id, "Laptop")


def test_a_token_posts_without_a_csrf_token_because_no_cookie_counts(text: str) -> None:
    answer = program().post("/keys/challenge/", headers=bearer(text))
    assert answer.status_code == 200
    assert answer.json()["subject"] == "ada"


def test_without_a_token_the_same_post_is_refused() -> None:
    assert program().post("/keys/challenge/", headers=JSON).status_code == 403


ACCEPTING = {
    "approvals:queue",
    "approvals:roots",
    "approvals:request",
    "approvals:decision",
    "approvals:retraction",
    "approvals:opening",
    "approvals:claim",
    "approvals:release",
    "accounts:keys",
    "accounts:challenge",
    "accounts:key-revocation",
    "accounts:token-current",
    "accounts:token-sign-out",
    "minting:api",
    "codec:decode",
    "codec:decode-in",
    "codec:encode",
    "codec:encode-in",
}


def views(resolver: URLResolver | None = None, space: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            found[f"{space}{pattern.name}"] = pattern.callback
        else:
            found |= views(pattern, f"{pattern.namespace}:" if pattern.namespace else space)
    return found


def test_only_what_the_command_line_needs_takes_a_token() -> None:
    taking = {name for name, view in views().items() if getattr(view, "accepts_tokens", False)}
    assert taking == ACCEPTING


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/tokens/"),
        ("get", "/tokens/"),
        ("get", "/devices/"),
        ("post", "/devices/"),
        ("post", "/devices/decision/"),
        ("get", "/incidents/"),
        ("get", "/accounts/login/"),
        ("get", "/accounts/logout/"),
        ("post", "/accounts/logout/"),
    ],
)
def test_a_token_makes_no_tokens_and_opens_no_other_page(text: str, method: str, path: str) -> None:
    fields = {"name": "More", "hours": "720", "client_name": "More", "code": "BCDF-GHJK", "decision": "allow"}
    answer = getattr(program(), method)(path, fields, headers=bearer(text))
    assert (answer.status_code, answer.json()["code"]) == (403, "token_not_taken")
    assert ApiToken.objects.count() == 1


def test_a_token_does_not_let_a_viewer_approve(vera: Person) -> None:
    _, text = services.make(person=vera, name="Laptop")
    assert program().get("/approvals/", headers=bearer(text)).status_code == 200
    assert program().post("/keys/challenge/", headers=bearer(text)).status_code == 404
    assert program().post("/approvals/apr_0123456789/decision/", headers=bearer(text)).status_code == 404


# --- A token beside a session -----------------------------------------------------------------


def test_a_session_beside_a_token_counts_for_nothing(ada: Person, vera: Person) -> None:
    _, text = services.make(person=vera, name="Laptop")
    browser = signed_in(ada)
    # Ada's session could; Vera's token may not.
    assert browser.post("/keys/challenge/", headers=bearer(text)).status_code == 404
    assert browser.get("/tokens/current/", headers=bearer(text)).json()["external_id"] == "local:vera"


def test_a_session_beside_a_dead_token_is_not_fallen_back_to(ada: Person) -> None:
    browser = signed_in(ada)
    answer = browser.get("/approvals/", headers=bearer("countersign_nothing"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    # And it was not ended by that either.
    assert browser.get("/approvals/").status_code == 200


def test_a_view_behind_a_token_finds_nothing_of_the_session_beside_it(ada: Person, text: str) -> None:
    """What a session remembers (a second factor, a moment ago) is not the token's."""
    browser = signed_in(ada)
    session = browser.session
    session["second_factor"] = "fresh"
    session.save()
    seen: list[HttpRequest] = []

    def view(http_request: HttpRequest) -> HttpResponse:
        seen.append(http_request)
        return HttpResponse()

    request = RequestFactory().get("/", headers={"authorization": f"Bearer {text}"})
    request.COOKIES["countersign_session"] = str(session.session_key)
    SessionMiddleware(AuthenticationMiddleware(BearerTokenMiddleware(view)))(request)
    assert seen[0].user == ada
    assert "second_factor" not in seen[0].session
    assert seen[0].COOKIES == {}


def test_a_token_leaves_no_session_behind(text: str) -> None:
    client = program()
    client.get("/approvals/", headers=bearer(text))
    assert not client.cookies
    assert client.get("/approvals/", headers=JSON).status_code == 401


# --- Dead tokens ------------------------------------------------------------------------------


def reaches(text: str) -> bool:
    return program().get("/approvals/", headers=bearer(text)).status_code == 200


def test_a_token_of_a_disabled_person_is_dead_at_once(ada: Person, text: str) -> None:
    assert reaches(text)
    Person.objects.filter(pk=ada.pk).update(is_active=False)
    # Refused as a token, not only for want of a role.
    for path in ("/approvals/", "/tokens/current/"):
        assert program().get(path, headers=bearer(text)).status_code == 401


def test_a_token_of_somebody_without_a_role_any_more_sees_nothing(ada: Person, text: str) -> None:
    RoleGrant.objects.filter(person=ada).delete()
    assert not reaches(text)


def test_a_token_ends_by_itself(token: tuple[ApiToken, str]) -> None:
    ApiToken.objects.update(created_at=timezone.now() - timedelta(days=1), expires_at=timezone.now())
    assert not reaches(token[1])


def test_a_revoked_token_is_dead_and_stays_so(ada: Person, token: tuple[ApiToken, str]) -> None:
    made, text = token
    services.revoke(person=ada, token_id=made.pk)
    first = ApiToken.objects.get().revoked_at
    services.revoke(person=ada, token_id=made.pk)
    assert ApiToken.objects.get().revoked_at == first
    assert not reaches(text)


def test_a_program_signs_itself_out(text: str) -> None:
    assert program().post("/tokens/current/revocation/", headers=bearer(text)).json() == {"name": "Laptop"}
    assert not reaches(text)


@pytest.mark.parametrize("text", ["", "x", "countersign_" + "a" * 43, "\u00e9" * 10, "a" * 5000, "a b"])
def test_what_is_no_token_is_refused_alike(db: None, text: str) -> None:
    answer = program().get("/approvals/", headers={**JSON, "authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "dead_token")


def test_the_database_holds_no_way_in(text: str) -> None:
    row = ApiToken.objects.values().get()
    assert text not in str(row)
    assert not reaches(bytes(row["token_hash"]).hex())


# --- Making them by hand ----------------------------------------------------------------------


def test_a_token_is_shown_once(ada_client: Client) -> None:
    page = ada_client.post("/tokens/", {"name": "Laptop", "hours": "8"})
    assert page.status_code == 201
    assert "no-store" in page.headers["Cache-Control"]
    text = page.context["made"]
    assert text in page.content.decode()
    assert reaches(text)
    assert text not in ada_client.get("/tokens/").content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "hours": "8"},
        {"name": "n" * 101, "hours": "8"},
        {"name": "bell\x07", "hours": "8"},
        {"name": "Laptop", "hours": "721"},
        {"name": "Laptop", "hours": "-8"},
        {"name": "Laptop", "hours": "for ever"},
        {"name": "Laptop"},
    ],
)
def test_a_token_that_cannot_be_is_refused(ada_client: Client, fields: dict[str, str]) -> None:
    assert ada_client.post("/tokens/", fields).status_code == 422
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("lifetime", [timedelta(days=30, seconds=1), timedelta(0), timedelta(days=-1)])
def test_no_token_lives_longer_than_thirty_days(ada: Person, lifetime: timedelta) -> None:
    with pytest.raises(errors.InvalidTokenLifetime):
        services.make(person=ada, name="Laptop", lifetime=lifetime)


def test_somebody_without_a_role_makes_no_token(oscar: Person) -> None:
    assert signed_in(oscar).post("/tokens/", {"name": "Laptop", "hours": "8"}).status_code == 404
    with pytest.raises(errors.NoRole):
        services.make(person=oscar, name="Laptop")


def test_a_person_sees_and_revokes_their_own_tokens_only(
    ada_client: Client, grace_client: Client, token: tuple[ApiToken, str]
) -> None:
    made, text = token
    assert "Laptop" not in grace_client.get("/tokens/").content.decode()
    assert grace_client.post(f"/tokens/{made.pk}/revocation/").status_code == 404
    assert reaches(text)
    assert ada_client.post(f"/tokens/{made.pk}/revocation/", follow=True).status_code == 200
    assert not reaches(text)


def test_a_name_with_markup_or_odd_characters_is_shown_as_text(ada: Person, ada_client: Client) -> None:
    services.make(person=ada, name="<b>Laptop</b> pr\u043eduction")
    page = ada_client.get("/tokens/").content.decode()
    assert "<b>Laptop" not in page
    assert "⟨U+043E⟩" in page


def test_when_a_token_was_used_is_noted_at_most_once_a_minute(token: tuple[ApiToken, str]) -> None:
    assert reaches(token[1])
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    assert reaches(token[1])
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    assert reaches(token[1])
    assert ApiToken.objects.get().last_used_at > first
