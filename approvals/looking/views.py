"""Saying that a request's page was opened. Never by GET: a preview or a prefetch reads nothing."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.tokens.access import accepts_tokens
from accounts.web import signed_in
from approvals.looking import services
from approvals.web import renders_errors


@require_POST
@accepts_tokens
@require_role(Role.VIEWER)
@renders_errors
def opening(http_request: HttpRequest, request_id: str) -> JsonResponse:
    """Answer ``{"opened_at", "seconds_ago"}``: when this person first opened the request."""
    at = services.open_page(person=signed_in(http_request), request_id=request_id, within=reach_of(http_request))
    return JsonResponse({"opened_at": at, "seconds_ago": max(0.0, (timezone.now() - at).total_seconds())})
