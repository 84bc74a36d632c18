"""Claiming a request, and giving it back.

Both answer JSON ``{"claim"}`` as the request's page has it (``StandingClaim`` or null), the fragment with who is
there (``_who.html``), or a redirect to the page.
"""

from __future__ import annotations

import dataclasses

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.tokens.access import accepts_tokens
from accounts.web import signed_in, wants_fragment, wants_json
from approvals.claims import services
from approvals.claims.forms import ClaimForm
from approvals.requests import queries
from approvals.web import renders_errors


@require_POST
@accepts_tokens
@require_role(Role.APPROVER)
@renders_errors
def claim(http_request: HttpRequest, request_id: str) -> HttpResponse:
    services.claim(
        person=signed_in(http_request),
        request_id=request_id,
        take_over=ClaimForm(http_request.POST).claim_taken_over(),
    )
    return _answer(http_request, request_id)


@require_POST
@accepts_tokens
@require_role(Role.APPROVER)
@renders_errors
def release(http_request: HttpRequest, request_id: str) -> HttpResponse:
    services.release(person=signed_in(http_request), request_id=request_id)
    return _answer(http_request, request_id)


def _answer(http_request: HttpRequest, request_id: str) -> HttpResponse:
    page = queries.request_page(person=signed_in(http_request), request_id=request_id)
    if wants_json(http_request):
        return JsonResponse({"claim": dataclasses.asdict(page.claim) if page.claim else None})
    if wants_fragment(http_request):
        return render(http_request, "approvals/_who.html", {"page": page})
    return HttpResponseRedirect(reverse("approvals:request", args=[request_id]))
