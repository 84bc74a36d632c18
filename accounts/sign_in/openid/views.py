"""To the provider and back."""

from __future__ import annotations

from typing import Any

from allauth.core import ratelimit
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import AccountError, NotConfirmed, SignInCancelled, SignInInterrupted, SignInRefused
from accounts.sign_in import reauthentication
from accounts.sign_in.completion import sign_in
from accounts.sign_in.openid.provider import Adapter, Provider
from accounts.sign_in.providers import openid_provider
from accounts.sign_in.refusal import refusal
from accounts.web import own_path_or_nothing


@never_cache
@require_POST
def login(http_request: HttpRequest, provider_id: str) -> HttpResponse:
    """Begin a sign-in that ends at ``next``. Only a form of ours can: a link elsewhere signs nobody in."""
    provider = openid_provider(http_request, provider_id)
    next_url = own_path_or_nothing(http_request.POST.get("next"))
    if too_many := ratelimit.consume_or_429(http_request, action="single_sign_on"):
        return too_many
    try:
        return provider.begin(http_request, next_url=next_url)
    except AccountError as error:
        return refusal(http_request, error, provider=provider_id, next_url=next_url)


@never_cache
@require_GET
def callback(http_request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the provider's answer to a sign-in that this browser began, once."""
    provider = openid_provider(http_request, provider_id)
    state: dict[str, Any] = {}
    try:
        state = _take_state(http_request, provider)
        return _finish(http_request, provider, state)
    except AccountError as error:
        next_url = own_path_or_nothing(state.get("next"))
        return refusal(http_request, error, provider=provider_id, next_url=next_url)


def _take_state(http_request: HttpRequest, provider: Provider) -> dict[str, Any]:
    """Return what was remembered when this sign-in began; it works once, in this browser, for ten minutes."""
    try:
        return provider.unstash_redirect_state(http_request, http_request.GET.get("state", ""))
    except PermissionDenied:
        raise SignInInterrupted from None


def _finish(http_request: HttpRequest, provider: Provider, state: dict[str, Any]) -> HttpResponse:
    if http_request.GET.get("iss", provider.issuer) != provider.issuer:
        raise SignInRefused("the answer came from another issuer (RFC 9207)")
    if "error" in http_request.GET or not http_request.GET.get("code"):
        raise NotConfirmed if state["data"] else SignInCancelled
    identity = Adapter(http_request, provider).identify(http_request.GET["code"], state)
    next_url = own_path_or_nothing(state.get("next"))
    if state["data"]:
        reauthentication.accept(http_request, identity=identity, state=state)
        return HttpResponseRedirect(next_url or settings.LOGIN_REDIRECT_URL)
    roles_of = provider.app.settings["role_groups"]
    return sign_in(http_request, identity=identity, roles_of=roles_of, next_url=next_url)
