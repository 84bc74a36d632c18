"""The pages of the evidence."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.access import reader_required
from audit.export.services import evidence_lines
from audit.ledger import queries
from audit.ledger.contracts import IncidentTree
from audit.models import LedgerChain


@require_safe
@reader_required
def incidents(request: HttpRequest) -> HttpResponse:
    return render(request, "audit/incidents.html", {"incidents": queries.incidents()})


@require_safe
@reader_required
def incident(request: HttpRequest, chain: str) -> HttpResponse:
    return render(request, "audit/incident.html", {"tree": _tree(chain)})


@require_safe
@reader_required
def tree(request: HttpRequest, chain: str) -> HttpResponse:
    return render(request, "audit/_tree.html", {"tree": _tree(chain)})


@require_safe
@reader_required
def evidence(request: HttpRequest, chain: str) -> HttpResponse:
    """Send the evidence file. It is built whole, so that a slow client holds no database connection."""
    try:
        lines = evidence_lines(chain=chain)
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
    response = HttpResponse(b"".join(lines), content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="countersign-{chain}.jsonl"'
    response["Cache-Control"] = "no-store"
    return response


def _tree(chain: str) -> IncidentTree:
    try:
        return queries.tree(chain)
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
