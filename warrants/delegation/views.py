"""The page on which a person signs a warrant in their browser.

``warrants/sign.html`` gets ``delegation`` (a ``Delegation``), ``is_over``, ``tools`` (of (name, whether the draft has
it)), ``signing`` (what <sign-warrant> reads as JSON, or None once nothing waits), ``texts`` (the warrants in base64,
root first, once it was signed) and ``error``: None, or what was refused; then the status is 4xx.

``delegation:signature``, POST ``warrant`` (the signed child, base64), answers in JSON; ``delegation:draft``, POST
``tools`` (several) and ``minutes``, drafts anew. Both with a CSRF token; for anybody else there is nothing: 404.
"""

from __future__ import annotations

import base64
from typing import Any

import cbor2
import tenuo_core
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.web import error_as_json, signed_in
from warrants.delegation import services
from warrants.delegation.queries import delegation_of, is_over
from warrants.errors import AnotherWarrantSigned, InvalidDraft, NotTheSigner, WarrantError
from warrants.models import Delegation

_signers = require_role(Role.APPROVER)
_MAXIMUM_BASE64 = 96 * 1024
_TOOLS = 3  # the payload's key, see Tenuo's warrant format


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@_signers
def signature(http_request: HttpRequest, warrant_id: str) -> HttpResponse:
    """Show what waits to be signed, or take it signed."""
    person = signed_in(http_request)
    if http_request.method != "POST":
        return _page(http_request, _find(http_request, warrant_id))
    try:
        signed = _decoded(http_request.POST.get("warrant", ""))
        services.hand_on(warrant_id=warrant_id, person=person, signed=signed)
    except WarrantError as error:
        return error_as_json(error)
    return JsonResponse({"warrant": warrant_id}, status=201)


@never_cache
@require_POST
@_signers
def draft(http_request: HttpRequest, warrant_id: str) -> HttpResponse:
    """Give the agent less."""
    found = _find(http_request, warrant_id)
    try:
        services.narrow(
            warrant_id=warrant_id,
            person=signed_in(http_request),
            tools=http_request.POST.getlist("tools"),
            minutes=_minutes(http_request.POST.get("minutes", "")),
        )
    except WarrantError as error:
        return _page(http_request, found, error=error)
    messages.success(http_request, "This is what you would sign now.")
    return redirect("delegation:signature", warrant_id)


def _find(http_request: HttpRequest, warrant_id: str) -> Delegation:
    try:
        return delegation_of(warrant_id, signed_in(http_request))
    except NotTheSigner as error:
        raise Http404 from error


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text if len(text) <= _MAXIMUM_BASE64 else "", validate=True)
    except ValueError as error:
        raise AnotherWarrantSigned from error


def _minutes(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InvalidDraft("Say in whole minutes how long the warrant lives, or nothing.", field="minutes")
    return int(text)


def _page(http_request: HttpRequest, found: Delegation, *, error: WarrantError | None = None) -> HttpResponse:
    parent = tenuo_core.Warrant.from_bytes(bytes(found.warrant.data))
    kept = cbor2.loads(bytes(found.draft))[_TOOLS]
    over = is_over(found)
    chain = [bytes(found.warrant.data), *([bytes(found.leaf)] if found.leaf else [])]
    context = {
        "delegation": found,
        "is_over": over,
        "tools": [(name, name in kept) for name in sorted(parent.tools or ())],
        "signing": None if over or found.leaf else _signing(found),
        "texts": [base64.b64encode(data).decode() for data in chain] if found.leaf else [],
        "error": error,
    }
    return render(http_request, "warrants/sign.html", context, status=error.http_status if error else 200)


def _signing(found: Delegation) -> dict[str, Any]:
    return {
        "external_id": found.person,
        "key": bytes(found.key).hex(),
        "agent": found.warrant.agent.name,
        "agent_key": bytes(found.warrant.agent.public_key).hex(),
        "parent": base64.b64encode(bytes(found.warrant.data)).decode(),
        "draft": base64.b64encode(bytes(found.draft)).decode(),
        "url": reverse("delegation:signature", args=[found.pk]),
    }
