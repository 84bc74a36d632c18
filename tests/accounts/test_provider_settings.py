"""Providers come from the environment alone; what would be unsafe stops every command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from accounts.roles.contracts import Role
from accounts.sign_in.provider_checks import check_providers
from config import single_sign_on
from tests.accounts.fake_provider import FakeProvider, configure
from tests.accounts.test_checks import manage
from tests.config.source import document

ACME = {
    "OIDC_PROVIDERS": "acme, big-corp",
    "OIDC_ACME_ISSUER": "https://login.acme.example",
    "OIDC_ACME_CLIENT_ID": "one",
    "OIDC_ACME_CLIENT_SECRET": "first secret",
    "OIDC_BIG_CORP_ISSUER": "https://sso.big.example/realms/main",
    "OIDC_BIG_CORP_NAME": "Big Corp",
    "OIDC_BIG_CORP_CLIENT_ID": "two",
    "OIDC_BIG_CORP_CLIENT_SECRET": "second secret",
    "OIDC_BIG_CORP_SCOPES": "openid, profile groups",
    "OIDC_BIG_CORP_GROUPS_CLAIM": "realm_access.roles",
    "OIDC_BIG_CORP_ROLE_GROUPS": "partners=viewer@shop",
    "OIDC_BIG_CORP_ORIGINS": "https://adfs.big.example",
    "ROLE_GROUPS": "sre=approver, cn=leads=approver@payments, sre=auditor",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ACME.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_several_providers_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    acme, big_corp = single_sign_on.openid_apps()
    assert (acme["provider_id"], acme["name"], acme["client_id"], acme["secret"]) == (
        "acme",
        "Acme",
        "one",
        "first secret",
    )
    assert acme["settings"]["role_groups"] == {
        "sre": [(Role.APPROVER, ""), (Role.AUDITOR, "")],
        "cn=leads": [(Role.APPROVER, "payments")],
    }
    assert (acme["settings"]["scope"], acme["settings"]["groups_claim"]) == (["openid", "profile"], "groups")
    assert (big_corp["provider_id"], big_corp["name"]) == ("big-corp", "Big Corp")
    assert big_corp["settings"]["scope"] == ["openid", "profile", "groups"]
    assert big_corp["settings"]["role_groups"] == {"partners": [(Role.VIEWER, "shop")]}


def test_forms_may_lead_to_the_providers_and_nowhere_else(environment: pytest.MonkeyPatch) -> None:
    assert single_sign_on.form_targets(single_sign_on.openid_apps(), []) == [
        "https://adfs.big.example",
        "https://login.acme.example",
        "https://sso.big.example",
    ]


def test_every_setting_of_a_provider_is_documented() -> None:
    read = set(re.findall(r"\{prefix\}([A-Z_]+)", Path(single_sign_on.__file__).read_text()))
    assert len(read) > 7
    for name in read:
        assert f"`OIDC_<NAME>_{name}`" in document("settings.md")


def test_without_settings_there_is_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert single_sign_on.openid_apps() == []
    assert single_sign_on.saml_apps() == []
    assert single_sign_on.form_targets([], []) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_PROVIDERS", "acme,acme"),
        ("OIDC_PROVIDERS", "Acme"),
        ("OIDC_PROVIDERS", "a/b"),
        ("OIDC_PROVIDERS", "../acme"),
        ("OIDC_PROVIDERS", "acme,unknown"),
        ("OIDC_ACME_ISSUER", ""),
        ("OIDC_ACME_CLIENT_ID", ""),
        ("OIDC_ACME_CLIENT_SECRET_FILE", "/nowhere"),
        ("ROLE_GROUPS", "sre"),
        ("ROLE_GROUPS", "sre=administrator"),
        ("ROLE_GROUPS", "=approver"),
        ("ROLE_GROUPS", "g" * 256 + "=approver"),
        ("ROLE_GROUPS", "sre=approver@" + "n" * 256),
        ("ROLE_GROUPS", "sre=approver=viewer2"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        single_sign_on.openid_apps()
    assert len(str(refusal.value)) > 20
    assert "secret" not in str(refusal.value)


def faults(settings: LazySettings, *apps: dict[str, Any]) -> list[str | None]:
    configure(settings, *apps)
    return [error.id for error in check_providers()]


def app(issuer: str = "https://login.acme.example", **changes: Any) -> dict[str, Any]:
    provider = FakeProvider()
    provider.address = issuer
    return provider.app(**changes)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.acme.example",
        "https://acme.eu.auth0.com/",
        "https://sso.acme.example:8443/realms/main",
        "http://localhost:4000",
        "http://127.0.0.1:4000",
    ],
)
def test_usual_issuers_are_accepted(settings: LazySettings, issuer: str) -> None:
    assert faults(settings, app(issuer)) == []


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.acme.example",
        "https://login.acme.example?tenant=1",
        "https://login.acme.example#x",
        "https://login.acme.example/#",
        "https://user@login.acme.example",
        "https://",
        "login.acme.example",
        "local",
        "https://login.acme.example/ x",
        "https://login.acme.example; script-src *",
        "https://x.example/" + "x" * 200,
        "https://[half",
    ],
)
def test_an_issuer_that_is_unsafe_or_none_is_refused(settings: LazySettings, issuer: str) -> None:
    assert faults(settings, app(issuer)) == ["accounts.E020"]


def test_providers_share_neither_client_id_nor_issuer(settings: LazySettings) -> None:
    other = app("https://login.okta.example", provider_id="okta")
    assert faults(settings, app(), other) == ["accounts.E021"]
    assert faults(settings, app(), app(provider_id="okta", client_id="two")) == ["accounts.E021"]
    assert faults(settings, app(), {**other, "client_id": "two"}) == []


def test_a_provider_without_a_secret_is_refused(settings: LazySettings) -> None:
    assert faults(settings, app(secret="")) == ["accounts.E022"]


@pytest.mark.parametrize("origin", ["*", "https://a.example/path", "http://a.example", "https://*.example", "'self'"])
def test_an_origin_that_would_open_the_policy_is_refused(settings: LazySettings, origin: str) -> None:
    assert faults(settings, app(settings={"origins": [origin]})) == ["accounts.E023"]


def test_unsafe_settings_stop_commands() -> None:
    finished = manage("check", **{**ACME, "OIDC_ACME_ISSUER": "http://login.acme.example"})
    assert finished.returncode == 1
    assert "accounts.E020" in finished.stderr
    assert "secret" not in finished.stderr


def test_the_policy_header_names_the_providers_origins() -> None:
    shown = manage("diffsettings", **ACME).stdout
    assert "https://adfs.big.example" in next(
        line for line in shown.splitlines() if line.startswith("CONTENT_SECURITY_POLICY")
    )
