"""The page on which a person makes, names and revokes the keys of their browsers.

``accounts/keys.html`` and its fragment ``accounts/_key_list.html`` get:
    ``active_keys``, ``revoked_keys``   lists of ``ApproverKey``, newest first: ``pk``, ``name``, ``short``,
                                        ``fingerprint``, ``strength``, ``enrolled_at``, ``revoked_at``
    ``active_fingerprints``, ``revoked_fingerprints``   the same keys' fingerprints, comma separated, for <enrol-key>
    ``waiting_fingerprints``   those of active keys that nobody has endorsed
    ``next``    a path on this site to go to after enrolment, or empty: for <enrol-key data-next>
    ``error``   None, or what was refused: ``code``, ``field``, ``sentence``; then the status is 4xx
    ``typed``   what the person had typed: ``name``, ``reason``, ``key_id`` (None for a new key)
Forms, all POST with a CSRF token: ``accounts:keys`` (``envelope`` base64, ``name``, ``next``),
``accounts:key-name`` (``name``) and ``accounts:key-revocation`` (``reason``), both with the key's id.
htmx gets the fragment back, a plain form the page, ``Accept: application/json`` JSON.
"""

from __future__ import annotations

import base64

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.endorsements.queries import endorsers_of
from accounts.errors import AccountError
from accounts.keys import services
from accounts.keys.enrolment import decode_base64
from accounts.keys.queries import keys_of
from accounts.models import ApproverKey
from accounts.roles.access import require_role
from accounts.roles.contracts import KEY_HOLDERS
from accounts.tokens.access import accepts_tokens
from accounts.web import error_as_json, own_path_or_nothing, signed_in, wants_fragment, wants_json


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@accepts_tokens
@require_role(*KEY_HOLDERS)
def keys(http_request: HttpRequest) -> HttpResponse:
    """Show the person's keys, or enrol one. JSON: 201 ``{"fingerprint", "name", "id"}``, or the error."""
    if http_request.method != "POST":
        return _as_json(http_request) if wants_json(http_request) else _page(http_request)
    try:
        key = services.enrol(
            person=signed_in(http_request),
            envelope=decode_base64(http_request.POST.get("envelope", "")),
            name=http_request.POST.get("name", ""),
            origin=settings.SITE_ROOT,
        )
    except AccountError as error:
        return _refused(http_request, error)
    return _done(
        http_request,
        key,
        f"“{key.name}” is enrolled. It counts once a security administrator has endorsed it.",
        status=201,
    )


@never_cache
@require_POST
@accepts_tokens
@require_role(*KEY_HOLDERS)
def challenge(http_request: HttpRequest) -> JsonResponse:
    """Begin an enrolment: what the new key has to sign, as JSON, with the challenge in base64."""
    person = signed_in(http_request)
    fresh = services.begin_enrolment(person=person)
    return JsonResponse(
        {
            "challenge": base64.b64encode(fresh).decode(),
            "issuer": person.issuer,
            "subject": person.subject,
            "origin": settings.SITE_ROOT,
        }
    )


@never_cache
@require_POST
@require_role(*KEY_HOLDERS)
def rename(http_request: HttpRequest, key_id: int) -> HttpResponse:
    try:
        key = services.rename(person=signed_in(http_request), key_id=key_id, name=http_request.POST.get("name", ""))
    except AccountError as error:
        return _refused(http_request, error, key_id=key_id)
    return _done(http_request, key, f"Its name is “{key.name}” now.")


@never_cache
@require_POST
@accepts_tokens
@require_role(*KEY_HOLDERS)
def revoke(http_request: HttpRequest, key_id: int) -> HttpResponse:
    try:
        key = services.revoke(person=signed_in(http_request), key_id=key_id, reason=http_request.POST.get("reason", ""))
    except AccountError as error:
        return _refused(http_request, error, key_id=key_id)
    return _done(http_request, key, f"“{key.name}” is revoked and will never sign again.")


def _done(http_request: HttpRequest, key: ApproverKey, message: str, *, status: int = 200) -> HttpResponse:
    if wants_json(http_request):
        return JsonResponse({"fingerprint": key.fingerprint, "name": key.name, "id": key.pk}, status=status)
    if wants_fragment(http_request):
        return _page(http_request)
    messages.success(http_request, message)
    return redirect(_next(http_request) or reverse("accounts:keys"))


def _as_json(http_request: HttpRequest) -> JsonResponse:
    """Return who is signed in, and their keys, newest first; times in UTC, or null."""
    person = signed_in(http_request)
    keys = [
        {
            "id": key.pk,
            "name": key.name,
            "fingerprint": key.fingerprint,
            "strength": key.strength,
            "enrolled_at": key.enrolled_at,
            "endorsed_by": endorsers_of(key),
            "revoked_at": key.revoked_at,
        }
        for key in keys_of(person)
    ]
    return JsonResponse({"external_id": person.external_id, "display_name": person.display_name, "keys": keys})


def _refused(http_request: HttpRequest, error: AccountError, *, key_id: int | None = None) -> HttpResponse:
    if wants_json(http_request):
        return error_as_json(error)
    return _page(http_request, error=error, key_id=key_id)


def _page(http_request: HttpRequest, *, error: AccountError | None = None, key_id: int | None = None) -> HttpResponse:
    own = keys_of(signed_in(http_request))
    active = [key for key in own if not key.is_revoked]
    revoked = [key for key in own if key.is_revoked]
    context = {
        "active_keys": active,
        "revoked_keys": revoked,
        "active_fingerprints": ",".join(key.fingerprint for key in active),
        "revoked_fingerprints": ",".join(key.fingerprint for key in revoked),
        "waiting_fingerprints": ",".join(key.fingerprint for key in active if not endorsers_of(key)),
        "next": _next(http_request),
        "error": error,
        "typed": {
            "name": http_request.POST.get("name", ""),
            "reason": http_request.POST.get("reason", ""),
            "key_id": key_id,
        },
    }
    template = "accounts/_key_list.html" if wants_fragment(http_request) else "accounts/keys.html"
    return render(http_request, template, context, status=error.http_status if error else 200)


def _next(http_request: HttpRequest) -> str:
    return own_path_or_nothing(http_request.POST.get("next") or http_request.GET.get("next"))
