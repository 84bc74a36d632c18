"""The pages of the evidence."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.access import EXPORT, Reach, exporter_required, reach, reader_required
from audit.export.services import evidence_lines
from audit.ledger import queries
from audit.ledger.contracts import IncidentTree
from audit.models import LedgerChain


@require_safe
@reader_required
def incidents(request: HttpRequest, *, within: Reach) -> HttpResponse:
    return render(request, "audit/incidents.html", {"incidents": queries.incidents(within=within)})


@require_safe
@reader_required
def incident(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """``audit/incident.html``: ``tree`` (``IncidentTree``), ``may_export``."""
    shown = _tree(chain, within)
    exports = reach(request.user, EXPORT)
    may_export = exports is not None and queries.is_readable(chain, within=exports)
    return render(request, "audit/incident.html", {"tree": shown, "may_export": may_export})


@require_safe
@reader_required
def tree(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    return render(request, "audit/_tree.html", {"tree": _tree(chain, within)})


@require_safe
@exporter_required
def evidence(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """Send the evidence file. It is built whole, so that a slow client holds no database connection."""
    if not queries.is_readable(chain, within=within):
        raise Http404
    lines = evidence_lines(chain=chain)
    response = HttpResponse(b"".join(lines), content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="countersign-{chain}.jsonl"'
    response["Cache-Control"] = "no-store"
    return response


def _tree(chain: str, within: Reach) -> IncidentTree:
    try:
        return queries.tree(chain, within=within)
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
