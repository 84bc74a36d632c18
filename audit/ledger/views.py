"""The pages of the evidence."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.access import ERASE, EXPORT, VIEW_CONTENT, Reach, exporter_required, reach, reader_required
from audit.custody import CustodyError
from audit.export.services import evidence_lines
from audit.ledger import queries
from audit.ledger.contracts import IncidentTree
from audit.models import LedgerChain
from audit.retention.queries import removed_at, standing_of
from audit.sealing import SealingError


@require_safe
@reader_required
def incidents(request: HttpRequest, *, within: Reach) -> HttpResponse:
    context = {"incidents": queries.incidents(within=within), "may_oversee": bool(reach(request.user, EXPORT))}
    return render(request, "audit/incidents.html", context)


@require_safe
@reader_required
def incident(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """``audit/incident.html``: a tree, ``standing`` (how long it is kept), ``may_export`` and ``may_erase``."""
    context = {
        "tree": _tree(request, chain, within),
        "standing": standing_of(chain),
        "may_export": _may(request, EXPORT, chain),
        "may_erase": _may(request, ERASE, chain),
    }
    return render(request, "audit/incident.html", context)


@require_safe
@reader_required
def tree(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    return render(request, "audit/_tree.html", {"tree": _tree(request, chain, within)})


@require_safe
@exporter_required
def evidence(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """Send the evidence file. It is built whole, so that a slow client holds no database connection."""
    if not queries.is_readable(chain, within=within):
        raise Http404
    gone = removed_at(chain)
    if gone is not None:
        sentence = f"What this incident's entries said was removed under retention on {gone:%-d %B %Y}."
        return render(request, "audit/unreadable.html", {"sentence": sentence}, status=409)
    try:
        data = b"".join(evidence_lines(chain=chain))
    except (SealingError, CustodyError) as error:
        return render(request, "audit/unreadable.html", {"sentence": str(error)}, status=409)
    response = HttpResponse(data, content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="countersign-{chain}.jsonl"'
    response["Cache-Control"] = "no-store"
    return response


def _may(request: HttpRequest, permission: str, chain: str) -> bool:
    where = reach(request.user, permission)
    return where is not None and queries.is_readable(chain, within=where)


def _tree(request: HttpRequest, chain: str, within: Reach) -> IncidentTree:
    try:
        return queries.tree(chain, within=within, content=reach(request.user, VIEW_CONTENT))
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
