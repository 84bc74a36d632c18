"""The pages of the evidence."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from audit.access import EXPORT, VIEW_CONTENT, Reach, exporter_required, reach, reader_required
from audit.export.forms import EvidenceForm
from audit.export.services import UNWRITABLE, bundle_of, record_export
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
    """``audit/incident.html``: ``tree`` (``IncidentTree``), ``form`` for whoever may export, else None."""
    shown = _tree(request, chain, within)
    exports = reach(request.user, EXPORT)
    may_export = exports is not None and queries.is_readable(chain, within=exports)
    form = EvidenceForm() if may_export else None
    return render(request, "audit/incident.html", {"tree": shown, "form": form})


@require_safe
@reader_required
def tree(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    return render(request, "audit/_tree.html", {"tree": _tree(request, chain, within)})


@require_POST
@exporter_required
def evidence(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """Send the evidence, with the proof from a checkpoint that was given, once the ledger says so.

    It is built whole, so that a slow client holds no database connection.
    """
    if not queries.is_readable(chain, within=within):
        raise Http404
    form = EvidenceForm(request.POST)
    if not form.is_valid():
        return render(request, "audit/checkpoint.html", {"form": form, "chain": chain}, status=400)
    try:
        bundle = bundle_of(chain, kept=form.kept)
        data = b"".join(bundle.lines())
        record_export(bundle, by=getattr(request.user, "external_id", ""))
    except UNWRITABLE as error:
        return render(request, "audit/unreadable.html", {"sentence": str(error)}, status=409)
    response = HttpResponse(data, content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="countersign-{chain}.jsonl"'
    response["Cache-Control"] = "no-store"
    return response


def _tree(request: HttpRequest, chain: str, within: Reach) -> IncidentTree:
    try:
        return queries.tree(chain, within=within, content=reach(request.user, VIEW_CONTENT))
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
