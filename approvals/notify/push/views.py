"""A person's browsers are told, or no longer; and the service worker, which every browser may read."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.sessions.devices import describe
from accounts.web import error_as_json, signed_in
from approvals.errors import ApprovalError
from approvals.notify.push import services

SERVICE_WORKER = "js/service-worker.js"
POLICY = "default-src 'none'; connect-src 'self'; img-src 'self'; require-trusted-types-for 'script'; trusted-types"


@never_cache
@require_POST
@require_role(Role.VIEWER)
def subscribe(http_request: HttpRequest) -> HttpResponse:
    """Tell the browser that sends this from now on: its fields are those of its push subscription."""
    sent = http_request.POST
    try:
        row = services.subscribe(
            person=signed_in(http_request),
            endpoint=sent.get("endpoint", ""),
            p256dh=sent.get("p256dh", ""),
            auth=sent.get("auth", ""),
            browser=describe(http_request.headers.get("user-agent", "")),
        )
    except ApprovalError as error:
        return error_as_json(error)
    messages.success(http_request, f"{row.browser} is told from now on.")
    return JsonResponse({"browser": row.browser}, status=201)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def remove(http_request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Tell a browser no more."""
    if not services.unsubscribe(person=signed_in(http_request), subscription_id=subscription_id):
        raise Http404
    messages.success(http_request, "That browser is told no more.")
    return redirect("notifications:preferences")


@require_safe
def service_worker(http_request: HttpRequest) -> HttpResponse:
    """The service worker, from the root: a worker serves the folder it comes from. It may reach this site only."""
    found = finders.find(SERVICE_WORKER)
    if not isinstance(found, str):
        raise Http404
    with open(found, "rb") as file:
        response = HttpResponse(file.read(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response["Content-Security-Policy"] = POLICY
    return response
