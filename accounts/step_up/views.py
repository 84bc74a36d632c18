"""A person who is signed in shows again that it is them.

JSON for scripts, all POST with a CSRF token: ``accounts:step-up-challenge`` (``purpose``) answers the options for
``navigator.credentials.get``, ``accounts:step-up`` (``purpose``, ``credential``) answers ``{"method", "at"}``.
A form: ``accounts:step-up-provider`` (``purpose``, ``next``) leaves for the provider.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.errors import AccountError
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.step_up import limits, providers, services
from accounts.web import error_as_json, own_path_or_nothing, signed_in


@never_cache
@require_POST
@require_role(Role.VIEWER)
def challenge(http_request: HttpRequest) -> JsonResponse:
    """Begin a step-up with a passkey."""
    person = signed_in(http_request)
    try:
        limits.count(http_request, action="step_up", person=person)
        options = services.begin(
            person=person, purpose=http_request.POST.get("purpose", ""), session_key=_session(http_request)
        )
    except AccountError as error:
        return error_as_json(error)
    return JsonResponse(options)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def step_up(http_request: HttpRequest) -> JsonResponse:
    """Take the passkey's answer."""
    person = signed_in(http_request)
    try:
        limits.count(http_request, action="step_up", person=person)
        given = services.complete(
            person=person,
            purpose=http_request.POST.get("purpose", ""),
            session_key=_session(http_request),
            credential=http_request.POST.get("credential", ""),
        )
    except AccountError as error:
        return error_as_json(error)
    return JsonResponse({"method": given.method, "at": int(given.at.timestamp())})


@never_cache
@require_POST
@require_role(Role.VIEWER)
def provider(http_request: HttpRequest) -> HttpResponse:
    """Leave for the person's provider, to come back to ``next``."""
    person = signed_in(http_request)
    next_path = own_path_or_nothing(http_request.POST.get("next")) or reverse("accounts:passkeys")
    try:
        limits.count(http_request, action="step_up", person=person)
        return providers.start(
            http_request, person=person, purpose=http_request.POST.get("purpose", ""), next_path=next_path
        )
    except AccountError as error:
        messages.error(http_request, error.sentence)
        return redirect(next_path)


def _session(http_request: HttpRequest) -> str:
    return http_request.session.session_key or ""
