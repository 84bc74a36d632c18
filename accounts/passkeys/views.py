"""The page on which a person adds, names and removes their passkeys.

``accounts/passkeys.html`` gets:
    ``passkeys``   list of ``PasskeyLine``: ``id``, ``name``, ``added_at``, ``last_used_at`` (may be None)
    ``fresh``      whether they may be changed without confirming first
    ``provider``   the name of the provider that can confirm, or empty; only for people without a passkey
    ``next``       a path on this site to go on to, or empty
    ``error``      None, or what was refused: ``code``, ``field``, ``sentence``; then the status is 4xx
POST with a CSRF token: ``accounts:passkey-challenge`` answers the options for ``navigator.credentials.create`` as JSON;
``accounts:passkeys`` (``credential``, ``name``) keeps what it made, JSON ``{"id", "name"}``; ``accounts:passkey-name``
(``name``) and ``accounts:passkey-removal`` are forms. JSON is answered to ``Accept: application/json``.
"""

from __future__ import annotations

from allauth.account.authentication import get_authentication_records
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import AccountError
from accounts.passkeys import services
from accounts.passkeys.queries import passkeys_of
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.step_up import limits, providers
from accounts.step_up.freshness import Presence, is_fresh
from accounts.web import error_as_json, own_path_or_nothing, signed_in, wants_json


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.VIEWER)
def passkeys(http_request: HttpRequest) -> HttpResponse:
    """Show the person's passkeys, or keep a new one."""
    if http_request.method != "POST":
        return _page(http_request)
    person = signed_in(http_request)
    try:
        limits.count(http_request, action="step_up", person=person)
        passkey = services.add(
            person=person,
            presence=_presence(http_request),
            credential=http_request.POST.get("credential", ""),
            name=http_request.POST.get("name", ""),
        )
    except AccountError as error:
        return _refused(http_request, error)
    return _done(http_request, f"“{passkey.wrap().name}” is added.", {"id": passkey.pk}, status=201)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def challenge(http_request: HttpRequest) -> JsonResponse:
    """Begin adding a passkey."""
    person = signed_in(http_request)
    try:
        limits.count(http_request, action="step_up", person=person)
        return JsonResponse(services.begin_adding(person=person, presence=_presence(http_request)))
    except AccountError as error:
        return error_as_json(error)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def rename(http_request: HttpRequest, passkey_id: int) -> HttpResponse:
    name = http_request.POST.get("name", "")
    try:
        passkey = services.rename(person=signed_in(http_request), passkey_id=passkey_id, name=name)
    except AccountError as error:
        return _refused(http_request, error)
    return _done(http_request, f"Its name is “{passkey.wrap().name}” now.", {"id": passkey.pk})


@never_cache
@require_POST
@require_role(Role.VIEWER)
def remove(http_request: HttpRequest, passkey_id: int) -> HttpResponse:
    try:
        name = services.remove(person=signed_in(http_request), presence=_presence(http_request), passkey_id=passkey_id)
    except AccountError as error:
        return _refused(http_request, error)
    return _done(http_request, f"“{name}” is removed.", {"id": passkey_id})


def _presence(http_request: HttpRequest) -> Presence:
    return Presence(
        session_key=http_request.session.session_key or "",
        sign_ins=get_authentication_records(http_request, signed_in(http_request)),
    )


def _done(http_request: HttpRequest, message: str, facts: dict[str, object], *, status: int = 200) -> HttpResponse:
    messages.success(http_request, message)
    if wants_json(http_request):
        return JsonResponse(facts, status=status)
    return redirect("accounts:passkeys")


def _refused(http_request: HttpRequest, error: AccountError) -> HttpResponse:
    return error_as_json(error) if wants_json(http_request) else _page(http_request, error=error)


def _page(http_request: HttpRequest, *, error: AccountError | None = None) -> HttpResponse:
    person = signed_in(http_request)
    own = passkeys_of(person)
    context = {
        "passkeys": own,
        "fresh": is_fresh(person=person, presence=_presence(http_request)),
        "provider": "" if own else providers.name_for(person),
        "sign_in_again": f"{reverse('account_login')}?next={reverse('accounts:passkeys')}",
        "next": own_path_or_nothing(http_request.GET.get("next")),
        "error": error,
    }
    return render(http_request, "accounts/passkeys.html", context, status=error.http_status if error else 200)
