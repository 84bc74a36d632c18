"""Requests that come with ``Authorization: Bearer``: whose they are, and what they may reach.

A token is for the command line, or for minting, and nothing else: a view takes one only if it says which. A request
with a token has no cookies, whatever was sent: a session's rights are never mixed in, and cross-site forgery has
nothing to ride on, which is why such requests need no CSRF token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import AccountError, DeadToken, TokenNotTaken
from accounts.models import ApiToken
from accounts.tokens.contracts import Scope
from accounts.tokens.queries import live_token
from accounts.tokens.services import mark_used
from accounts.web import error_as_json

ViewFunction = TypeVar("ViewFunction", bound=Callable[..., HttpResponseBase])

_SCHEME = "bearer"
_LONGEST_TOKEN = 200


def accepts_tokens(view: ViewFunction) -> ViewFunction:
    """Let the view be reached with a token of the command line. It still asks for the person's role."""
    view.accepts_tokens = Scope.COMMAND_LINE  # type: ignore[attr-defined]
    return view


def accepts_minting_tokens(view: ViewFunction) -> ViewFunction:
    """Let the view be reached with a token for minting, and with no other. It still asks for the person's role."""
    view.accepts_tokens = Scope.MINTING  # type: ignore[attr-defined]
    return view


def token_of(http_request: HttpRequest) -> ApiToken | None:
    """Return the token that this request came with, or None for a browser."""
    return getattr(http_request, "api_token", None)


class BearerTokenMiddleware:
    """Stands behind Django's session and authentication middleware, and replaces what they found."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, http_request: HttpRequest) -> HttpResponseBase:
        header = http_request.headers.get("Authorization", "")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != _SCHEME:
            return self.get_response(http_request)
        _forget_cookies(http_request)
        token = live_token(text.strip()) if len(text) <= _LONGEST_TOKEN else None
        if token is None:
            return _refused(DeadToken())
        mark_used(token=token)
        http_request.user = token.person
        http_request.api_token = token  # type: ignore[attr-defined]
        return self.get_response(http_request)

    def process_view(
        self, http_request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Refuse the token where no view asked for it: whatever is added later is closed to tokens."""
        token = token_of(http_request)
        if token is None or getattr(view, "accepts_tokens", None) == token.scope:
            return None
        return _refused(TokenNotTaken())


def _forget_cookies(http_request: HttpRequest) -> None:
    http_request.COOKIES = {}
    http_request.META.pop("HTTP_COOKIE", None)
    http_request.session = type(http_request.session)()
    http_request.user = AnonymousUser()
    # No cookie counts, so nobody else's browser can have been made to send this. Django's own test client
    # and REST framework switch the check off in the same way.
    http_request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]


def _refused(error: AccountError) -> JsonResponse:
    response = error_as_json(error)
    if error.http_status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Countersign"'
    response["Cache-Control"] = "no-store"
    return response
