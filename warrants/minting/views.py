"""The page on which a security administrator mints a warrant.

``warrants/mint.html`` gets ``form``, ``minted`` (a ``MintedWarrant``, or None), ``warrant`` (its root in base64) and
``error``: None, or what was refused; then the status is 4xx or 5xx and nothing was minted.
"""

from __future__ import annotations

import base64

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.web import signed_in
from warrants.errors import WarrantError
from warrants.minting.contracts import MintedWarrant
from warrants.minting.forms import MintForm
from warrants.minting.ordering import order_by


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.SECURITY_ADMINISTRATOR)
def mint_warrant(http_request: HttpRequest) -> HttpResponse:
    """Show the form, or mint what it asks for."""
    namespaces = [namespace.name for namespace in settings.NAMESPACES if namespace.name in reach_of(http_request)]
    if http_request.method != "POST":
        return _page(http_request, MintForm(namespaces=namespaces))
    form = MintForm(http_request.POST, namespaces=namespaces)
    if not form.is_valid():
        return _page(http_request, form, status=422)
    try:
        minted, _ = order_by(
            signed_in(http_request), order=form.order(), idempotency_key=form.cleaned_data["idempotency_key"]
        )
    except WarrantError as error:
        return _page(http_request, form, error=error, status=error.http_status)
    return _page(http_request, MintForm(namespaces=namespaces), minted=minted, status=201)


def _page(
    http_request: HttpRequest,
    form: MintForm,
    *,
    minted: MintedWarrant | None = None,
    error: WarrantError | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "minted": minted,
        "warrant": base64.b64encode(minted.chain[0]).decode() if minted else "",
        "error": error,
    }
    return render(http_request, "warrants/mint.html", context, status=status)
