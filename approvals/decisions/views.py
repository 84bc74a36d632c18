"""``POST /approvals/<request_id>/decision/``: a person decides."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.tokens.access import accepts_tokens
from accounts.web import signed_in, wants_fragment, wants_json
from approvals.decisions import services
from approvals.decisions.forms import DecisionForm
from approvals.requests import queries
from approvals.web import renders_errors


@require_POST
@accepts_tokens
@require_role(Role.APPROVER)
@renders_errors
def decision(http_request: HttpRequest, request_id: str) -> HttpResponse:
    """Record what the browser signed. Answers JSON {"state", "url"}, the progress fragment, or a redirect."""
    form = DecisionForm(http_request.POST)
    approval, denial = form.signed()
    recorded = services.record(
        person=signed_in(http_request),
        request_id=request_id,
        approval=approval,
        denial=denial,
        session_key=http_request.session.session_key or "",
        confirmation=form.cleaned_data["confirmation"] or "",
    )
    url = reverse("approvals:request", args=[request_id])
    if wants_json(http_request):
        return JsonResponse({"state": recorded.approval_request.state, "url": url})
    if wants_fragment(http_request):
        page = queries.request_page(person=signed_in(http_request), request_id=request_id)
        return render(http_request, "approvals/_progress.html", {"page": page})
    return HttpResponseRedirect(url)
