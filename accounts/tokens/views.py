"""The page on which a person makes and revokes their tokens. A token is shown once, in the answer to the form.

``accounts/tokens.html`` gets:
    ``live_tokens``, ``past_tokens``   lists of ``ApiToken``, newest first: ``pk``, ``name``, ``created_at``,
                                       ``expires_at``, ``last_used_at`` and ``revoked_at`` (both may be None)
    ``form``      ``name``, ``hours`` and ``scope``, with what was typed and why it was refused
    ``may_mint``  whether the person may make a token that mints
    ``made``      None, or the text of the token that was just made
    ``error``     None, or what was refused: ``code``, ``field``, ``sentence``; then the status is 4xx
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.errors import AccountError, DeadToken
from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.tokens import services
from accounts.tokens.access import accepts_tokens, token_of
from accounts.tokens.forms import TokenForm
from accounts.tokens.queries import tokens_of
from accounts.web import error_as_json, signed_in


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.VIEWER)
def tokens(http_request: HttpRequest) -> HttpResponse:
    """Show the person's tokens, or make one."""
    if http_request.method != "POST":
        return _page(http_request, TokenForm())
    form = TokenForm(http_request.POST)
    if not form.is_valid():
        return _page(http_request, form, status=422)
    try:
        _, text = services.make(
            person=signed_in(http_request),
            name=form.cleaned_data["name"],
            lifetime=timedelta(hours=form.cleaned_data["hours"]),
            scope=form.cleaned_data["scope"],
        )
    except AccountError as error:
        return _page(http_request, form, error=error)
    return _page(http_request, TokenForm(), made=text, status=201)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def revoke(http_request: HttpRequest, token_id: int) -> HttpResponse:
    try:
        token = services.revoke(person=signed_in(http_request), token_id=token_id)
    except AccountError as error:
        return _page(http_request, TokenForm(), error=error)
    messages.success(http_request, f"“{token.name}” is revoked: whoever has it is signed out.")
    return redirect("accounts:tokens")


@never_cache
@require_safe
@accepts_tokens
def current(http_request: HttpRequest) -> JsonResponse:
    """Say whose token this request came with: JSON ``{"external_id", "display_name", "name", "expires_at"}``."""
    token = token_of(http_request)
    if token is None:
        return error_as_json(DeadToken())
    return JsonResponse(
        {
            "external_id": token.person.external_id,
            "display_name": token.person.display_name,
            "name": token.name,
            "expires_at": token.expires_at,
        }
    )


@never_cache
@require_POST
@accepts_tokens
def sign_out(http_request: HttpRequest) -> JsonResponse:
    """Revoke the token that this request came with. JSON ``{"name"}``."""
    token = token_of(http_request)
    if token is None:
        return error_as_json(DeadToken())
    services.revoke(person=token.person, token_id=token.pk)
    return JsonResponse({"name": token.name})


def _page(
    http_request: HttpRequest,
    form: TokenForm,
    *,
    made: str | None = None,
    error: AccountError | None = None,
    status: int = 200,
) -> HttpResponse:
    own = tokens_of(signed_in(http_request))
    context = {
        "live_tokens": [token for token in own if token.is_live],
        "past_tokens": [token for token in own if not token.is_live],
        "form": form,
        "may_mint": has_role(signed_in(http_request), Role.SECURITY_ADMINISTRATOR),
        "made": made,
        "error": error,
    }
    return render(http_request, "accounts/tokens.html", context, status=error.http_status if error else status)
