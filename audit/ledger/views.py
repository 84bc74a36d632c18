"""The pages of the evidence."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from audit.access import ERASE, EXPORT, VIEW_CONTENT, Reach, exporter_required, reach, reader_required
from audit.export.forms import EvidenceForm
from audit.export.services import UNWRITABLE, bundle_of, record_export
from audit.ledger import queries
from audit.ledger.contracts import IncidentTree
from audit.models import LedgerChain
from audit.retention.queries import standing_of
from audit.streaming.queries import lags


@require_safe
@reader_required
def incidents(request: HttpRequest, *, within: Reach) -> HttpResponse:
    """``audit/incidents.html``: ``incidents`` (``IncidentCard``), ``late`` (``Lag`` of streams that people look at) and
    ``may_oversee``.
    """
    late = [lag for lag in lags(within=within) if lag.is_late] if settings.SIEM_TARGET else []
    context = {
        "incidents": queries.incidents(within=within),
        "late": late,
        "may_oversee": bool(reach(request.user, EXPORT)),
    }
    return render(request, "audit/incidents.html", context)


@require_safe
@reader_required
def incident(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """``audit/incident.html``: a tree, ``standing`` (how long it is kept), ``form`` for whoever may export, else None,
    and ``may_erase``.
    """
    context = {
        "tree": _tree(request, chain, within),
        "standing": standing_of(chain),
        "form": EvidenceForm() if _may(request, EXPORT, chain) else None,
        "may_erase": _may(request, ERASE, chain),
    }
    return render(request, "audit/incident.html", context)


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


def _may(request: HttpRequest, permission: str, chain: str) -> bool:
    where = reach(request.user, permission)
    return where is not None and queries.is_readable(chain, within=where)


def _tree(request: HttpRequest, chain: str, within: Reach) -> IncidentTree:
    try:
        return queries.tree(chain, within=within, content=reach(request.user, VIEW_CONTENT))
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
