"""Signing a program in through the browser (RFC 8628).

A program: ``POST /devices/`` (``client_name``), then ``POST /devices/token/`` (``device_code``) until it is
answered. A person: ``GET /devices/``, then ``POST /devices/decision/``. A GET changes nothing.

``accounts/devices.html`` gets:
    ``device``   the program that waits: ``client_name`` (what it calls itself), ``address``, ``begun_at``,
                 ``expires_at``, ``shown_code``; or None, then the page asks for a code
    ``typed``    the code as it was typed
    ``decided``  None, or the device that was just decided: ``is_allowed``
    ``error``    None, or what was refused: ``code``, ``sentence``; then the status is 4xx
    ``hours``    how long the program's token will live
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.devices import limits, queries, services
from accounts.devices.contracts import DEVICE_LIFETIME
from accounts.devices.forms import DeviceDecisionForm
from accounts.errors import AccountError, UnknownUserCode
from accounts.models import DeviceGrant
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.tokens.services import DEFAULT_LIFETIME
from accounts.web import error_as_json, signed_in


# A program has no cookie, so there is nothing that another site could ride on: it can only begin.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def devices(http_request: HttpRequest) -> HttpResponseBase:
    return _begin(http_request) if http_request.method == "POST" else _page(http_request)


def _begin(http_request: HttpRequest) -> JsonResponse:
    """Begin a sign-in: 201 with what RFC 8628, section 3.2, names."""
    try:
        limits.count_device(http_request)
        device, device_code = services.begin(
            client_name=http_request.POST.get("client_name", ""), address=get_adapter().get_client_ip(http_request)
        )
    except AccountError as error:
        return error_as_json(error)
    page = settings.SITE_ROOT + reverse("accounts:devices")
    return JsonResponse(
        {
            "device_code": device_code,
            "user_code": device.shown_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={device.shown_code}",
            "interval": device.interval,
            "expires_in": int(DEVICE_LIFETIME.total_seconds()),
        },
        status=201,
    )


@csrf_exempt
@never_cache
@require_POST
def token(http_request: HttpRequest) -> JsonResponse:
    """Give the program its token, once, or say why not yet; the codes are RFC 8628's, also as ``error``."""
    try:
        made, text = services.redeem(device_code=http_request.POST.get("device_code", ""))
    except AccountError as error:
        body = {"error": error.code, "code": error.code, "field": error.field, "message": error.sentence}
        return JsonResponse(body, status=error.http_status)
    seconds = int((made.expires_at - timezone.now()).total_seconds())
    return JsonResponse({"access_token": text, "token_type": "Bearer", "expires_in": seconds})


@require_role(Role.VIEWER)
def _page(http_request: HttpRequest) -> HttpResponse:
    typed = http_request.GET.get("code", "")
    if not typed.strip():
        return _render(http_request)
    try:
        return _render(http_request, device=_find(http_request, typed), typed=typed)
    except AccountError as error:
        return _render(http_request, typed=typed, error=error)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def decision(http_request: HttpRequest) -> HttpResponse:
    """Let the program in, or refuse it; then the page says so."""
    form = DeviceDecisionForm(http_request.POST)
    typed = http_request.POST.get("code", "")[:40]
    try:
        if not form.is_valid():
            raise UnknownUserCode
        _find(http_request, typed)
        decided = services.decide(
            person=signed_in(http_request), user_code=typed, is_allowed=form.cleaned_data["decision"] == "allow"
        )
    except AccountError as error:
        return _render(http_request, typed=typed, error=error)
    return _render(http_request, decided=decided)


def _find(http_request: HttpRequest, typed: str) -> DeviceGrant:
    """Return the program that waits with this code; wrong ones are counted. Raises ``AccountError``."""
    limits.require_guesses_left(http_request)
    try:
        return queries.waiting_device(user_code=typed)
    except UnknownUserCode:
        limits.count_wrong_code(http_request)
        raise


def _render(
    http_request: HttpRequest,
    *,
    device: DeviceGrant | None = None,
    decided: DeviceGrant | None = None,
    typed: str = "",
    error: AccountError | None = None,
) -> HttpResponse:
    context = {
        "device": device,
        "decided": decided,
        "typed": typed[:40],
        "error": error,
        "hours": int(DEFAULT_LIFETIME.total_seconds() // 3600),
    }
    return render(http_request, "accounts/devices.html", context, status=error.http_status if error else 200)
