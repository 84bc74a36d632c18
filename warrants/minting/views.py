"""The page on which a warrant is minted: a security administrator's, or one that an approver signs themselves.

``warrants/mint.html`` gets ``form``, ``minted`` (a ``MintedWarrant``, or None), ``warrant`` (its root in base64),
``waiting`` (of ``Delegation``: what waits for the reader's signature) and ``error``: None, or what was refused; then
the status is 4xx or 5xx and nothing was minted. What is ordered to be signed leads to ``delegation:signature``.
"""

from __future__ import annotations

import base64

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import has_role
from accounts.web import signed_in
from warrants.delegation.queries import waiting_for
from warrants.errors import WarrantError
from warrants.minting.contracts import MintedWarrant, SignedBy
from warrants.minting.forms import MintForm
from warrants.minting.ordering import order_by, order_to_sign


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.SECURITY_ADMINISTRATOR, Role.APPROVER)
def mint_warrant(http_request: HttpRequest) -> HttpResponse:
    """Show the form, or mint what it asks for."""
    if http_request.method != "POST":
        return _page(http_request, _form(http_request))
    form = _form(http_request, http_request.POST)
    if not form.is_valid():
        return _page(http_request, form, status=422)
    try:
        minted = _minted(http_request, form)
    except WarrantError as error:
        return _page(http_request, form, error=error, status=error.http_status)
    if form.signer is not None:
        return redirect("delegation:signature", minted.id)
    return _page(http_request, _form(http_request), minted=minted, status=201)


def _form(http_request: HttpRequest, data: QueryDict | None = None) -> MintForm:
    """Return the form with what this person may choose."""
    namespaces = [namespace.name for namespace in settings.NAMESPACES if namespace.name in reach_of(http_request)]
    roles = {Role.SECURITY_ADMINISTRATOR: SignedBy.INSTALLATION, Role.APPROVER: SignedBy.OWN_KEY}
    signers = [signer for role, signer in roles.items() if has_role(signed_in(http_request), role)]
    return MintForm(data, namespaces=namespaces, signers=signers)


def _minted(http_request: HttpRequest, form: MintForm) -> MintedWarrant:
    person, order, once = signed_in(http_request), form.order(), form.cleaned_data["idempotency_key"]
    if form.signer is None:
        return order_by(person, order=order, idempotency_key=once)[0]
    return order_to_sign(person, order=order, public_key=form.signer, idempotency_key=once)[0]


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
        "waiting": waiting_for(signed_in(http_request)),
        "error": error,
    }
    return render(http_request, "warrants/mint.html", context, status=status)
