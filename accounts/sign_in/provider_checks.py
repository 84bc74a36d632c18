"""Start-up checks of identity providers: settings under which somebody else could be let in stop every command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error

from accounts.people.recognition import MAXIMUM_ISSUER
from accounts.sign_in.addresses import is_loopback, origin


def check_providers(**_: Any) -> list[Error]:
    """Who vouches for people, and how we ask."""
    openid = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    saml = settings.SOCIALACCOUNT_PROVIDERS["saml"]["APPS"]
    return [*_issuers(openid), *_shared(openid), *_secrets(openid), *_origins(openid), *_saml(saml)]


def _issuers(apps: list[dict[str, Any]]) -> Iterator[Error]:
    for app in apps:
        issuer = app["settings"]["server_url"]
        if not _is_issuer(issuer):
            yield Error(
                f"The issuer of the provider {app['provider_id']} is {issuer!r}, which cannot be one.",
                hint="Write it as the provider's own discovery document does: https, no query, no fragment, "
                f"at most {MAXIMUM_ISSUER} characters.",
                id="accounts.E020",
            )


def _is_issuer(issuer: str) -> bool:
    try:
        parts = urlsplit(issuer)
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(issuer))
    is_bare = "?" not in issuer and "#" not in issuer and "@" not in parts.netloc and issuer.isprintable()
    return is_safe and is_bare and bool(origin(issuer)) and " " not in issuer and len(issuer) <= MAXIMUM_ISSUER


def _shared(apps: list[dict[str, Any]]) -> Iterator[Error]:
    for what, values in (
        ("client id", [app["client_id"] for app in apps]),
        ("issuer", [app["settings"]["server_url"] for app in apps]),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                yield Error(
                    f"{count} providers have the {what} {value!r}: what one says could be taken for another's word.",
                    hint="Register Countersign once at each provider, and list each provider once.",
                    id="accounts.E021",
                )


def _secrets(apps: list[dict[str, Any]]) -> Iterator[Error]:
    for app in apps:
        if not app["secret"]:
            yield Error(
                f"The provider {app['provider_id']} has no client secret.",
                hint="Register Countersign there as a confidential (web) client, and set its CLIENT_SECRET.",
                id="accounts.E022",
            )


def _origins(apps: list[dict[str, Any]]) -> Iterator[Error]:
    for app in apps:
        for address in app["settings"]["origins"]:
            if origin(address) != address or not (address.startswith("https:") or is_loopback(address)):
                yield Error(
                    f"The provider {app['provider_id']} lists {address!r}, which is not an https origin.",
                    hint="Write scheme and host in small letters, without a path, as in https://login.example.com.",
                    id="accounts.E023",
                )


def _saml(apps: list[dict[str, Any]]) -> Iterator[Error]:
    if not apps:
        return
    idp = apps[0]["settings"]["idp"]
    if not idp["x509cert"]:
        yield Error(
            "SAML_CERTIFICATE is missing: nothing that the provider says could be verified.",
            hint="Set it, or SAML_CERTIFICATE_FILE, to the provider's signing certificate.",
            id="accounts.E024",
        )
    if not origin(idp["sso_url"]) or not (idp["sso_url"].startswith("https:") or is_loopback(idp["sso_url"])):
        yield Error(
            f"SAML_SSO_URL is {idp['sso_url']!r}, which is not an https address.",
            hint="Take the provider's single sign-on address for the HTTP-Redirect binding.",
            id="accounts.E025",
        )
