"""The page that says why nobody was signed in."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.errors import AccountError, NotConfirmed, ProviderDown, SignInCancelled
from accounts.sign_in.providers import choices

_LOG = logging.getLogger(__name__)
_TITLES = {
    ProviderDown: "The sign-in provider is not answering",
    SignInCancelled: "Sign-in cancelled",
    NotConfirmed: "Not confirmed",
}


def refusal(http_request: HttpRequest, error: AccountError, *, provider: str, next_url: str) -> HttpResponse:
    """Return the page of ``error``, with a way to begin again; the log gets the reason that people should not.

    ``accounts/sign_in_refused.html``: ``title``, ``error`` (``code`` and ``sentence``), ``providers``, ``next``
    (a path on this site, or empty), ``local_accounts`` (whether a password may be offered) and ``is_down``.
    """
    _LOG.warning("Nobody was signed in by %s: %s %s", provider, error.code, getattr(error, "reason", error.field))
    context = {
        "title": _TITLES.get(type(error), "You are not signed in"),
        "error": error,
        "providers": choices(),
        "next": next_url,
        "local_accounts": settings.LOCAL_ACCOUNTS,
        "is_down": isinstance(error, ProviderDown),
    }
    response = render(http_request, "accounts/sign_in_refused.html", context, status=error.http_status)
    if isinstance(error, ProviderDown):
        response["Retry-After"] = "30"
    return response
