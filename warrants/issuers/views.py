"""The page of issuers, and of the guided rotation of the root.

``warrants/issuers.html`` gets ``standings`` (list of ``IssuerStanding``), ``announcing`` (list of ``Finding``),
``switching`` and ``retiring`` (lists of ``Offer``), ``may_rotate``, ``in_kms`` (whether a new key is one of KMS's),
``newest`` (a ``TrustedRoots`` or None) and ``error`` (None, or what was refused; then the status is 4xx or 503).

The form, POST with a CSRF token: ``step`` (a ``Step``), ``name``, ``kms_key_id`` where a root is announced, and
``anyway_because``, without which what breaks something is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.roles.contracts import Role
from accounts.roles.queries import reach
from accounts.web import signed_in
from audit.custody import CustodyError
from warrants.access import policy_readers
from warrants.errors import UnknownStep, WarrantError
from warrants.issuers import queries, rotation
from warrants.issuers.contracts import Finding, Keeper, State, Step
from warrants.issuers.preview import preview
from warrants.models import IssuerKey

_DONE = {
    Step.ANNOUNCE: "{} is announced. Workers believe it within two seconds; let people compare its fingerprint.",
    Step.SWITCH: "{} signs from now on. The issuer before stays trusted until it is retired.",
    Step.RETIRE: "{} is retired. Workers no longer believe it.",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A step that is possible for ``issuer``, and what it would do."""

    issuer: IssuerKey
    findings: list[Finding]

    @property
    def breaks(self) -> bool:
        return any(finding.breaks for finding in self.findings)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@policy_readers
def issuers(http_request: HttpRequest) -> HttpResponse:
    """List the issuers and what each step of a rotation would change, or take a step."""
    if http_request.method != "POST":
        return _page(http_request)
    if not _may_rotate(http_request):
        raise Http404
    try:
        done = _take(http_request)
    except (WarrantError, CustodyError) as error:
        return _page(http_request, error=error)
    messages.success(http_request, done)
    return redirect("warrants:issuers")


def _take(http_request: HttpRequest) -> str:
    given, by = http_request.POST, signed_in(http_request).external_id
    name, because = given.get("name", "").strip(), given.get("anyway_because", "").strip()
    match given.get("step"):
        case Step.ANNOUNCE:
            rotation.announce(name=name, announced_by=by, kms_key_id=given.get("kms_key_id", "").strip())
        case Step.SWITCH:
            rotation.switch(name=name, switched_by=by, anyway_because=because)
        case Step.RETIRE:
            rotation.retire(name=name, retired_by=by, anyway_because=because)
        case _:
            raise UnknownStep
    return _DONE[Step(given["step"])].format(name)


def _may_rotate(http_request: HttpRequest) -> bool:
    return reach(signed_in(http_request), Role.SECURITY_ADMINISTRATOR).everywhere


def _page(http_request: HttpRequest, *, error: WarrantError | CustodyError | None = None) -> HttpResponse:
    standings = queries.standings()
    issuers = [one.issuer for one in standings]
    context = {
        "standings": standings,
        "announcing": preview(Step.ANNOUNCE, None),
        "switching": _offers(Step.SWITCH, issuers, {State.ANNOUNCED}),
        "retiring": _offers(Step.RETIRE, issuers, {State.OVERLAPPING, State.ANNOUNCED}),
        "may_rotate": _may_rotate(http_request),
        "in_kms": settings.ISSUER_KEEPER == Keeper.AWS_KMS,
        "newest": queries.newest_set(),
        "error": error,
    }
    status = getattr(error, "http_status", 503) if error else 200
    return render(http_request, "warrants/issuers.html", context, status=status)


def _offers(step: Step, issuers: Iterable[IssuerKey], states: set[State]) -> list[Offer]:
    return [Offer(issuer, preview(step, issuer)) for issuer in issuers if issuer.state in states]
