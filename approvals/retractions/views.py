"""``POST /approvals/<request_id>/retraction/``: a person takes back their approval."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.tokens.access import accepts_tokens
from accounts.web import signed_in, wants_fragment, wants_json
from approvals.requests import queries
from approvals.retractions import services
from approvals.retractions.forms import RetractionForm
from approvals.web import renders_errors


@require_POST
@accepts_tokens
@require_role(Role.APPROVER)
@renders_errors
def retraction(http_request: HttpRequest, request_id: str) -> HttpResponse:
    """Record what the browser signed. Answers JSON {"state", "url"}, the progress fragment, or a redirect."""
    signed = RetractionForm(http_request.POST).signed()
    recorded = services.retract(person=signed_in(http_request), request_id=request_id, retraction=signed)
    url = reverse("approvals:request", args=[request_id])
    if wants_json(http_request):
        return JsonResponse({"state": recorded.decision.approval_request.state, "url": url})
    if wants_fragment(http_request):
        page = queries.request_page(person=signed_in(http_request), request_id=request_id)
        return render(http_request, "approvals/_progress.html", {"page": page})
    return HttpResponseRedirect(url)
