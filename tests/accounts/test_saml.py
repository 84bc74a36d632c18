"""SAML: off unless it is set up, and then not easily talked into anything."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import clear_url_caches

import accounts.sign_in.saml.urls
import accounts.sign_in.urls
import config.urls
from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role
from accounts.sign_in.provider_checks import check_providers
from config import single_sign_on
from tests.accounts.saml_provider import ENTITY, Signer, app, assertion, begin, finish, response
from tests.accounts.test_sign_in import who

pytestmark = pytest.mark.django_db
ACME, STRANGER = Signer(), Signer()
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


def reload_addresses() -> None:
    for module in (accounts.sign_in.saml.urls, accounts.sign_in.urls, config.urls):
        importlib.reload(module)
    clear_url_caches()


@pytest.fixture
def _saml(settings: LazySettings) -> Iterator[None]:
    before = settings.SOCIALACCOUNT_PROVIDERS
    groups = {"sre-oncall": [(Role.APPROVER, "")]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": []}, "saml": {"APPS": [app(ACME, groups)]}}
    reload_addresses()
    yield
    settings.SOCIALACCOUNT_PROVIDERS = before
    reload_addresses()


def test_without_settings_there_is_no_saml(client: Client) -> None:
    for page in ("login", "acs", "acs/finish", "metadata", "sls"):
        assert client.post(f"/accounts/saml/saml/{page}/").status_code == 404
    assert "saml" not in client.get("/accounts/login/").content.decode()


@pytest.mark.usefixtures("_saml")
def test_with_settings_there_are_its_pages(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert 'action="/accounts/saml/saml/login/"' in page
    metadata = client.get("/accounts/saml/saml/metadata/").content.decode()
    assert "http://localhost:5050/accounts/saml/saml/acs/" in metadata
    assert 'WantAssertionsSigned="true"' in metadata
    assert client.post("/accounts/saml/other/acs/").status_code == 404
    assert client.post("/accounts/saml/saml/sls/").status_code == 404
    assert client.get("/accounts/saml/saml/login/").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/accounts/saml/saml/login/").status_code == 403


@pytest.mark.usefixtures("_saml")
def test_a_signed_answer_signs_in_and_leads_on(client: Client) -> None:
    request_id = begin(client, "/approvals/7/")
    answer = finish(client, response(request_id, ACME.sign(assertion(request_id))))
    assert (answer.status_code, answer.url) == (302, "/approvals/7/")
    person = Person.objects.get()
    assert who(client) == str(person.pk)
    assert (person.issuer, person.subject, person.display_name) == (ENTITY, "ada-7", "Ada Lovelace")
    assert list(RoleGrant.objects.values_list("role", "group")) == [("approver", "sre-oncall")]
    request_id = begin(client)
    finish(client, response(request_id, ACME.sign(assertion(request_id, id="_a2", groups="none"))))
    assert Person.objects.count() == 1
    assert not RoleGrant.objects.exists()


def forged(request_id: str) -> dict[str, str]:
    honest = assertion(request_id)
    signed = ACME.sign(honest)
    return {
        "unsigned": response(request_id, honest),
        "signed by a stranger": response(request_id, STRANGER.sign(honest)),
        "changed after signing": response(request_id, signed.replace(">ada-7<", ">grace-9<")),
        "a second assertion": response(request_id, signed + assertion(request_id, id="_a2", name="grace-9")),
        "an unsigned one before": response(request_id, assertion(request_id, id="_a2", name="grace-9") + signed),
        "only the response signed": ACME.sign(response(request_id, honest)),
        "another audience": response(request_id, ACME.sign(assertion(request_id, audience=AUDIENCE_ELSEWHERE))),
        "no audience": response(request_id, ACME.sign(assertion(request_id, audience=""))),
        "another issuer": response(request_id, ACME.sign(assertion(request_id, issuer="https://evil.example"))),
        "another issuer around": response(request_id, signed, issuer="https://evil.example"),
        "another recipient": response(request_id, ACME.sign(assertion(request_id, recipient="https://evil.example/"))),
        "another destination": response(request_id, signed, destination="https://evil.example/"),
        "late": response(request_id, ACME.sign(assertion(request_id, until="2020-01-01T00:00:00Z"))),
        "an answer to another request": response(request_id, ACME.sign(assertion("_another"))),
        "an answer to no request": response(request_id, ACME.sign(assertion(request_id, answers=""))),
        "a name for a day": response(request_id, ACME.sign(assertion(request_id, format=TRANSIENT))),
        "an e-mail address": response(request_id, ACME.sign(assertion(request_id, format=EMAIL))),
        "no name": response(request_id, ACME.sign(assertion(request_id, name=""))),
        "a name that is too long": response(request_id, ACME.sign(assertion(request_id, name="a" * 400))),
    }


AUDIENCE_ELSEWHERE = (
    "<saml:AudienceRestriction><saml:Audience>https://evil.example</saml:Audience></saml:AudienceRestriction>"
)


@pytest.mark.usefixtures("_saml")
@pytest.mark.parametrize("forgery", list(forged("_x")))
def test_a_forged_answer_lets_nobody_in(client: Client, forgery: str) -> None:
    request_id = begin(client)
    answer = finish(client, forged(request_id)[forgery])
    assert answer.status_code in (403, 422), answer.content.decode()
    assert who(client) is None
    assert not Person.objects.exists()


@pytest.mark.usefixtures("_saml")
def test_a_comment_inside_the_name_does_not_make_it_another(client: Client) -> None:
    """Comments are not signed: a reader that stops at one would take Mallory's ``ada<!-- -->.mallory`` for Ada."""
    request_id = begin(client)
    finish(client, response(request_id, ACME.sign(assertion(request_id)).replace(">ada-7<", ">ada<!-- -->-7<")))
    assert Person.objects.get().subject == "ada-7"


@pytest.mark.usefixtures("_saml")
def test_an_answer_works_once_and_only_where_it_was_asked_for(client: Client) -> None:
    request_id = begin(client)
    honest = response(request_id, ACME.sign(assertion(request_id)))
    assert finish(Client(), honest).status_code == 400
    finish(client, honest)
    client.post("/accounts/logout/")
    assert finish(client, honest).status_code == 400
    assert who(client) is None


@pytest.mark.usefixtures("_saml")
@pytest.mark.parametrize("answer", ["", "!", "PHg+", "PHgvPg==", "A" * 300_000, "\x00"])
def test_an_answer_that_is_none_is_refused(client: Client, answer: str) -> None:
    posted = client.post("/accounts/saml/saml/acs/", {"SAMLResponse": answer})
    last = client.get(posted.url) if posted.status_code == 302 else posted
    assert last.status_code in (400, 403)
    assert client.get("/accounts/saml/saml/acs/finish/").status_code == 400


@pytest.mark.usefixtures("_saml")
def test_a_document_that_reads_files_reads_none(client: Client) -> None:
    request_id = begin(client)
    doctype = '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    answer = finish(client, doctype + response(request_id, assertion(request_id, name="&file;")))
    assert answer.status_code == 403


# --- settings -------------------------------------------------------------------------------


def test_saml_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENTITY_ID": ENTITY, "SSO_URL": "https://idp.acme.example/sso", "CERTIFICATE": "x"}.items():
        monkeypatch.setenv(f"SAML_{name}", value)
    (found,) = single_sign_on.saml_apps()
    assert found["settings"]["idp"]["entity_id"] == ENTITY
    assert single_sign_on.form_targets([], [found]) == ["https://idp.acme.example"]
    monkeypatch.setattr(single_sign_on, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"requirements/saml\.txt"):
        single_sign_on.saml_apps()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"x509cert": ""}, "accounts.E024"),
        ({"sso_url": "http://idp.acme.example/sso"}, "accounts.E025"),
        ({"sso_url": "javascript:alert(1)"}, "accounts.E025"),
    ],
)
def test_unsafe_saml_settings_are_refused(settings: LazySettings, change: dict[str, str], fault: str) -> None:
    unsafe = app(ACME, {})
    unsafe["settings"]["idp"] |= change
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": []}, "saml": {"APPS": [unsafe]}}
    assert [error.id for error in check_providers()] == [fault]
