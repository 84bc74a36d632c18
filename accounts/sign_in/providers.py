"""The providers people can choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts.sign_in.openid.provider import Provider


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of the sign-in page: its words, and where its form is posted."""

    name: str
    address: str


def choices() -> list[Choice]:
    openid = [Choice(app["name"], _address("openid_connect_login", app["provider_id"])) for app in _apps()]
    saml = settings.SOCIALACCOUNT_PROVIDERS["saml"]["APPS"]
    return openid + [Choice(app["name"], reverse("saml_login", args=[app["client_id"]])) for app in saml]


def openid_provider(http_request: HttpRequest, name: str) -> Provider:
    """Return the OpenID Connect provider called ``name``. Raises ``Http404``."""
    found = [app for app in _apps() if app["provider_id"] == name]
    if not found:
        raise Http404
    return _provider(http_request, found[0])


def openid_provider_of(http_request: HttpRequest, *, issuer: str) -> Provider | None:
    """Return the OpenID Connect provider that is ``issuer``, if it is still configured."""
    found = [app for app in _apps() if app["settings"]["server_url"] == issuer]
    return _provider(http_request, found[0]) if found else None


def openid_name(issuer: str) -> str:
    """Return what people call the OpenID Connect provider that is ``issuer``; empty if it is not configured."""
    return next((app["name"] for app in _apps() if app["settings"]["server_url"] == issuer), "")


def _apps() -> list[dict[str, Any]]:
    return settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]


def _provider(http_request: HttpRequest, app: dict[str, Any]) -> Provider:
    return Provider(http_request, app=SocialApp(provider=Provider.id, **app))


def _address(view: str, name: str) -> str:
    return reverse(view, kwargs={"provider_id": name})
