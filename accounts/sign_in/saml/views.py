"""SAML's pages. The provider posts its answer from its own site, which carries no session: allauth takes it to a
page of ours that has one."""

from __future__ import annotations

from typing import Any

from allauth.core import ratelimit
from allauth.core.internal import httpkit
from allauth.socialaccount.providers.saml.views import ACSView
from allauth.socialaccount.sessions import LoginSession
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import AccountError, SignInInterrupted, SignInRefused
from accounts.sign_in.completion import sign_in
from accounts.sign_in.refusal import refusal
from accounts.sign_in.saml.provider import Provider
from accounts.web import own_path_or_nothing

_MAXIMUM_ANSWER = 256 * 1024


@never_cache
@require_POST
def login(http_request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Begin a sign-in that ends at ``next``."""
    provider = Provider.named(http_request, organization_slug)
    if too_many := ratelimit.consume_or_429(http_request, action="single_sign_on"):
        return too_many
    return provider.begin(http_request, next_url=own_path_or_nothing(http_request.POST.get("next")))


@never_cache
@csrf_exempt
@require_POST
def acs(http_request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Keep the provider's answer, whatever it is, for the page that can look at it."""
    Provider.named(http_request, organization_slug)
    if too_many := ratelimit.consume_or_429(http_request, action="single_sign_on"):
        return too_many
    if len(http_request.POST.get("SAMLResponse", "")) > _MAXIMUM_ANSWER:
        error = SignInRefused("the SAML response is too large")
        return refusal(http_request, error, provider=organization_slug, next_url="")
    return ACSView.as_view()(http_request, organization_slug=organization_slug)


@never_cache
@require_GET
def finish(http_request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Take the answer to a sign-in that this browser began, once."""
    provider = Provider.named(http_request, organization_slug)
    state: dict[str, Any] = {}
    try:
        response = provider.read(_take_answer(http_request))
        request_id = response.get_in_response_to() or ""
        state = _take_state(http_request, provider, request_id)
        identity = provider.verify(response, request_id=request_id)
        next_url = own_path_or_nothing(state.get("next"))
        roles_of = provider.app.settings["role_groups"]
        return sign_in(http_request, identity=identity, roles_of=roles_of, next_url=next_url)
    except AccountError as error:
        next_url = own_path_or_nothing(state.get("next"))
        return refusal(http_request, error, provider=organization_slug, next_url=next_url)


@require_GET
def metadata(http_request: HttpRequest, organization_slug: str) -> HttpResponse:
    """What the provider wants to know of us."""
    provider = Provider.named(http_request, organization_slug)
    return HttpResponse(provider.saml_settings.get_sp_metadata(), content_type="application/samlmetadata+xml")


def _take_answer(http_request: HttpRequest) -> str:
    session = LoginSession(http_request, "saml_acs_session", "saml-acs-session")
    kept = session.store.get("request")
    session.delete()
    if not kept:
        raise SignInInterrupted
    answer = httpkit.deserialize_request(kept, HttpRequest()).POST.get("SAMLResponse", "")
    if not answer:
        raise SignInInterrupted
    return answer


def _take_state(http_request: HttpRequest, provider: Provider, request_id: str) -> dict[str, Any]:
    """Return what was remembered when this sign-in began. One that the provider began itself is refused."""
    try:
        return provider.unstash_redirect_state(http_request, request_id)
    except PermissionDenied:
        raise SignInInterrupted from None
