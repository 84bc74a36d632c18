"""The page on which security administrators endorse people's keys, and revoke them.

``accounts/endorsements.html`` gets:
    ``waiting``     list of ``WaitingKey``: ``key`` (an ``ApproverKey`` with its person), ``role``, ``origin``
    ``endorsed``    list of live keys that are endorsed, oldest first
    ``people_root`` the ``PeopleRoot`` in use, or None
    ``endorsing``   what <endorse-keys>, and other programs, read as JSON: ``external_id``, ``people_root`` (hex, or
                    empty), ``chain`` (base64 of the envelopes above the person's own keys) and ``waiting``: a list of
                    {"key" hex, "person", "role", "strength", "fingerprint", "name", "proof" base64}
    ``error``       None, or what was refused: ``code``, ``field``, ``sentence``; then the status is 4xx
Forms, POST with a CSRF token: ``accounts:endorsements`` (``envelope`` base64) and
``accounts:endorsed-key-revocation`` (``reason``) with the key's id. ``Accept: application/json`` gets
JSON back, and ``endorsing`` in place of the page.
"""

from __future__ import annotations

import base64
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.endorsements import services
from accounts.endorsements.queries import (
    WaitingKey,
    live_endorsed_keys,
    people_root,
    statements_above_keys_of,
    waiting_keys,
)
from accounts.errors import AccountError
from accounts.keys.enrolment import decode_base64
from accounts.keys.services import revoke_for
from accounts.roles.access import P, View, reach_of, require_role
from accounts.roles.contracts import Role
from accounts.web import error_as_json, signed_in, wants_json


def _everywhere(view: View[P]) -> View[P]:
    """A key counts in every namespace, so who vouches for it administers all of them; to others there is nothing."""

    @wraps(view)
    def guarded(http_request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not reach_of(http_request).everywhere:
            raise Http404
        return view(http_request, *args, **kwargs)

    return guarded


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.SECURITY_ADMINISTRATOR)
@_everywhere
def endorsements(http_request: HttpRequest) -> HttpResponse:
    """Show the keys that wait, or record an endorsement. JSON: 201 ``{"fingerprint", "role"}``, or the error."""
    if http_request.method != "POST":
        return _page(http_request)
    try:
        row = services.endorse(
            administrator=signed_in(http_request), envelope=decode_base64(http_request.POST.get("envelope", ""))
        )
    except AccountError as error:
        return _refused(http_request, error)
    if wants_json(http_request):
        return JsonResponse({"fingerprint": row.key.fingerprint, "role": row.role}, status=201)
    messages.success(http_request, f"“{row.key.name}” of {row.key.person.display_name} is endorsed.")
    return redirect("accounts:endorsements")


@never_cache
@require_POST
@require_role(Role.SECURITY_ADMINISTRATOR)
@_everywhere
def revoke(http_request: HttpRequest, key_id: int) -> HttpResponse:
    """Revoke somebody's key, with a reason."""
    try:
        key = revoke_for(
            administrator=signed_in(http_request), key_id=key_id, reason=http_request.POST.get("reason", "")
        )
    except AccountError as error:
        return _refused(http_request, error)
    if wants_json(http_request):
        return JsonResponse({"fingerprint": key.fingerprint})
    messages.success(http_request, f"“{key.name}” of {key.person.display_name} is revoked. They have been told.")
    return redirect("accounts:endorsements")


def _refused(http_request: HttpRequest, error: AccountError) -> HttpResponse:
    return error_as_json(error) if wants_json(http_request) else _page(http_request, error=error)


def _page(http_request: HttpRequest, *, error: AccountError | None = None) -> HttpResponse:
    person = signed_in(http_request)
    root, waiting = people_root(), waiting_keys(but_of=person)
    endorsing = {
        "external_id": person.external_id,
        "people_root": bytes(root.public_key).hex() if root else "",
        "chain": [base64.b64encode(data).decode() for data in statements_above_keys_of(person)],
        "waiting": [_as_json(item) for item in waiting],
        "url": reverse("accounts:endorsements"),
    }
    if wants_json(http_request):
        return JsonResponse(endorsing)
    context = {
        "waiting": waiting,
        "endorsed": live_endorsed_keys(),
        "people_root": root,
        "endorsing": endorsing,
        "error": error,
    }
    return render(http_request, "accounts/endorsements.html", context, status=error.http_status if error else 200)


def _as_json(item: WaitingKey) -> dict[str, str]:
    return {
        "key": bytes(item.key.public_key).hex(),
        "person": item.key.person.external_id,
        "role": item.role.value,
        "strength": item.key.strength,
        "fingerprint": item.key.fingerprint,
        "name": item.key.name,
        "proof": base64.b64encode(bytes(item.key.proof)).decode(),
    }
