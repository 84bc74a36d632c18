"""The second step of signing in, for people who have a passkey: whichever way they came, also from a provider.

allauth stops the sign-in at this stage (``allauth.mfa.stages.AuthenticateStage``) and sends people to the page that
is named ``mfa_authenticate``.
"""

from __future__ import annotations

from allauth.account.internal.decorators import login_stage_required
from allauth.account.stages import LoginStage
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import AccountError
from accounts.models import Person
from accounts.passkeys import proofs
from accounts.step_up import limits
from accounts.web import error_as_json

PURPOSE = "sign-in"
_stage_required = login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login")


@require_http_methods(["GET", "HEAD", "POST"])
@_stage_required
def second_factor(http_request: HttpRequest) -> HttpResponse:
    """Ask for a passkey (GET, changes nothing), or take its answer (POST ``credential``) and finish signing in.

    ``account/second_factor.html``: ``person``, and ``error`` (None, or ``code`` and ``sentence``; then 4xx).
    """
    stage, person = _stage(http_request)
    error = None
    if http_request.method == "POST":
        try:
            limits.count(http_request, action="second_factor", person=person)
            passkey = proofs.check(
                person=person,
                purpose=PURPOSE,
                session_key=http_request.session.session_key or "",
                credential=http_request.POST.get("credential", ""),
            )
        except AccountError as refused:
            error = refused
        else:
            post_authentication(http_request, passkey)
            return stage.exit()
    context = {"person": person, "error": error}
    return render(http_request, "account/second_factor.html", context, status=error.http_status if error else 200)


@require_POST
@_stage_required
def challenge(http_request: HttpRequest) -> JsonResponse:
    """Answer the options for ``navigator.credentials.get``."""
    _, person = _stage(http_request)
    try:
        limits.count(http_request, action="second_factor", person=person)
        options = proofs.begin(person=person, purpose=PURPOSE, session_key=http_request.session.session_key or "")
    except AccountError as error:
        return error_as_json(error)
    return JsonResponse(options)


def _stage(http_request: HttpRequest) -> tuple[LoginStage, Person]:
    stage = http_request._login_stage  # type: ignore[attr-defined]
    return stage, stage.login.user
