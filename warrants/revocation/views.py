"""The pages of live warrants, and of what was taken back.

``warrants/warrants.html`` gets ``warrants`` (list of ``LiveWarrant``, of the reader's namespaces), ``stops`` (of
``MintingStop``), ``may_revoke_in`` (a ``Reach``: where the reader may revoke) and ``shows_content_in`` (likewise: where
they may see an agent's words).
``warrants/revocations.html`` gets ``acts`` (list of ``RevocationAct``), ``stops``, ``may_revoke_in``, ``error`` (None,
or what was refused; then the status is 4xx) and what the fragment ``warrants/_workers.html`` gets: ``newest`` (a
``RevocationList`` or None), ``workers`` (list of ``WorkerStanding``) and ``waiting``: whether one lacks the newest.

Forms, POST with a CSRF token: ``warrants:revocations`` (``scope``: a ``Scope``; ``name``; ``number`` for a policy;
``reason``; ``stop`` for an agent, to mint no more for it) revokes, ``warrants:resumption`` (``scope``, ``name``) lifts
the stop of a namespace or an agent.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import NOWHERE, Reach, reach
from accounts.web import signed_in
from audit.access import VIEW_CONTENT
from audit.access import reach as content_reach
from audit.custody import CustodyError
from warrants.access import policy_readers
from warrants.errors import NotRevokedByYou, UnknownScope, WarrantError
from warrants.revocation import queries, services
from warrants.revocation.contracts import Aim, Scope

_administrators = require_role(Role.SECURITY_ADMINISTRATOR)


@never_cache
@require_safe
@policy_readers
def warrants(http_request: HttpRequest) -> HttpResponse:
    """List the live warrants."""
    within = reach_of(http_request)
    context = {
        "warrants": queries.live_warrants(within=within),
        "stops": queries.stops(within=within),
        "may_revoke_in": _may_revoke_in(http_request),
        "shows_content_in": content_reach(http_request.user, VIEW_CONTENT) or NOWHERE,
    }
    return render(http_request, "warrants/warrants.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@policy_readers
def revocations(http_request: HttpRequest) -> HttpResponse:
    """List what was taken back, or take back."""
    if http_request.method != "POST":
        return _list(http_request)
    if not _may_revoke_in(http_request):
        raise Http404
    try:
        count = _revoke(http_request)
    except (WarrantError, CustodyError) as error:
        return _list(http_request, error=error)
    messages.success(http_request, f"{count} warrant{'' if count == 1 else 's'} revoked. Workers confirm it below.")
    return redirect("warrants:revocations")


@never_cache
@require_safe
@policy_readers
def workers(http_request: HttpRequest) -> HttpResponse:
    """Answer with the fragment that says which workers confirmed."""
    return render(http_request, "warrants/_workers.html", _workers(reach_of(http_request)))


@never_cache
@require_POST
@_administrators
def resumption(http_request: HttpRequest) -> HttpResponse:
    """Let warrants be minted again for a namespace or an agent."""
    try:
        aim, may_in = _aim(http_request), reach_of(http_request)
        if not may_in.everywhere and not (aim.scope is Scope.NAMESPACE and aim.name in may_in):
            raise NotRevokedByYou
        services.lift(aim=aim, lifted_by=signed_in(http_request).external_id)
    except WarrantError as error:
        return _list(http_request, error=error)
    messages.success(http_request, f"Warrants are minted for {aim.name} again. What was revoked stays revoked.")
    return redirect("warrants:revocations")


def _revoke(http_request: HttpRequest) -> int:
    """Do what the form says, and return how many warrants it took back."""
    aim, reason = _aim(http_request), http_request.POST.get("reason", "")
    by, may_in = signed_in(http_request).external_id, _may_revoke_in(http_request)
    if aim.scope is Scope.WARRANT:
        found = queries.live_warrant(aim.name)
        if found is not None and found.namespace not in may_in:
            raise NotRevokedByYou
        return len(services.revoke_all(aim=aim, reason=reason, revoked_by=by))
    if aim.scope is Scope.NAMESPACE:
        if aim.name not in may_in:
            raise NotRevokedByYou
        return len(services.stop(aim=aim, reason=reason, stopped_by=by))
    if not may_in.everywhere:
        raise NotRevokedByYou
    if aim.scope is Scope.AGENT and http_request.POST.get("stop"):
        return len(services.stop(aim=aim, reason=reason, stopped_by=by))
    return len(services.revoke_all(aim=aim, reason=reason, revoked_by=by))


def _aim(http_request: HttpRequest) -> Aim:
    given = http_request.POST
    number = given.get("number", "")
    if given.get("scope", "") not in list(Scope):
        raise UnknownScope
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return Aim(Scope(given["scope"]), given.get("name", "").strip(), int(number) if is_number else None)


def _may_revoke_in(http_request: HttpRequest) -> Reach:
    return reach(signed_in(http_request), Role.SECURITY_ADMINISTRATOR)


def _list(http_request: HttpRequest, *, error: WarrantError | CustodyError | None = None) -> HttpResponse:
    within = reach(
        signed_in(http_request),
        Role.POLICY_AUTHOR,
        Role.POLICY_PUBLISHER,
        Role.AUDITOR,
        Role.SECURITY_ADMINISTRATOR,
    )
    context = {
        "acts": queries.acts(within=within),
        "stops": queries.stops(within=within),
        "may_revoke_in": _may_revoke_in(http_request),
        "error": error,
        **_workers(within),
    }
    status = getattr(error, "http_status", 503) if error else 200
    return render(http_request, "warrants/revocations.html", context, status=status)


def _workers(within: Reach) -> dict[str, Any]:
    newest, found = queries.newest_list(), queries.workers(within=within)
    waiting = newest is not None and any(one.held.version < newest.version for one in found)
    return {"newest": newest, "workers": found, "waiting": waiting}
