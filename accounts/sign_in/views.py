"""Signing in and out."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.account.views import LoginView as AllauthLoginView
from allauth.core import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.errors import UnusableLink
from accounts.sign_in import queries, services
from accounts.sign_in.providers import choices
from accounts.web import error_as_json, own_path_or_nothing, wants_json


class LoginView(AllauthLoginView):
    """Providers and passwords.

    ``account/login.html``: allauth's context (``form`` with ``login``, ``password``, ``remember``;
    ``redirect_field_name`` and ``redirect_field_value`` for the hidden next field), ``providers`` (``name`` and
    ``address`` each: one form with one button), ``next`` for their hidden field, and ``local_accounts``: when it
    is False there is no form for passwords.
    """

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        next_url = own_path_or_nothing(context["redirect_field_value"])
        return {**context, "local_accounts": settings.LOCAL_ACCOUNTS, "providers": choices(), "next": next_url}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(http_request: HttpRequest, token: str) -> HttpResponse:
    """Show whom a link signs in (GET, changes nothing), or sign them in (POST) and go to ``next``.

    ``accounts/sign_in_link.html``: ``person`` (``display_name``, ``username``; None if the link does not work),
    ``next`` (a path on this site, or empty: a hidden field of the form) and ``error`` (None, or ``code`` and
    ``sentence``; then the status is 404). The form has no action (it posts to this address), a CSRF token
    and one button.
    """
    if too_many := ratelimit.consume_or_429(http_request, action="sign_in_link", limit_get=True):
        return too_many
    chosen_next = own_path_or_nothing(http_request.POST.get("next") or http_request.GET.get("next"))
    try:
        if http_request.method == "POST":
            person = services.redeem(token=token)
            record_authentication(http_request, person, method="link")
            return perform_login(http_request, person, redirect_url=chosen_next or settings.LOGIN_REDIRECT_URL)
        link = queries.find_link(token=token)
    except UnusableLink as error:
        if wants_json(http_request):
            return error_as_json(error)
        context: dict[str, object] = {"person": None, "next": "", "error": error}
        return render(http_request, "accounts/sign_in_link.html", context, status=error.http_status)
    context = {"person": link.person, "next": chosen_next, "error": None}
    return render(http_request, "accounts/sign_in_link.html", context)
