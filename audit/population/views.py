"""Taking evidence away in the browser, and who did.

The pages get ``exports`` (``queries.ExportLine``), ``is_running``, and ``error`` where something was refused.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from audit.access import EXPORT, VIEW_CONTENT, Reach, exporter_required, reach
from audit.models import Export
from audit.population import queries, services
from audit.population.contracts import ExportForm
from audit.population.errors import ExportError, InvalidExport
from audit.population.exporting import Order, Rights
from audit.population.streaming import sent
from audit.search.contracts import Search
from audit.search.errors import SearchError


@require_http_methods(["GET", "HEAD", "POST"])
@exporter_required
def exports(request: HttpRequest, *, within: Reach) -> HttpResponseBase:
    """The list; a POST, of a search's parameters and ``form``, answers with the file."""
    if request.method != "POST":
        return render(request, "audit/exports.html", _listed(request, within))
    try:
        order = _order(request)
        export = services.begin(order)
    except (ExportError, SearchError) as error:
        context = _listed(request, within) | {"error": error}
        return render(request, "audit/exports.html", context, status=error.http_status)
    return _download(export, order)


@require_safe
@exporter_required
def newest(request: HttpRequest, *, within: Reach) -> HttpResponse:
    """The list alone; ``mine`` is set for the newest of one's own, beside a search."""
    if not request.GET.get("mine"):
        return render(request, "audit/_exports.html", _listed(request, within))
    own = queries.newest_of(_person(request.user), within=within)
    return render(request, "audit/_exports.html", _shown(own) | {"is_mine": True})


def _listed(request: HttpRequest, within: Reach) -> dict[str, Any]:
    return _shown(queries.exports(within=within, person=_person(request.user)))


def _shown(found: list[queries.ExportLine]) -> dict[str, Any]:
    return {"exports": found, "is_running": any(export.is_running for export in found)}


def _order(request: HttpRequest) -> Order:
    user, rights = request.user, _rights(request.user)
    assert rights is not None  # noqa: S101  the gate in front of the view
    try:
        form = ExportForm(request.POST.get("form", ""))
    except ValueError as error:
        raise InvalidExport("Choose CSV, JSON Lines or a bundle.", field="form") from error
    return Order(
        search=Search.from_parameters(request.POST.dict()),
        form=form,
        person=_person(user),
        rights=rights,
        rights_now=lambda: _rights(_as_of_now(user)),
    )


def _as_of_now(user: Any) -> Any:
    """Return the person anew: what they may is remembered with the object."""
    return get_user_model().objects.filter(pk=user.pk).first()


def _rights(user: Any) -> Rights | None:
    within = reach(user, EXPORT) if user is not None else None
    return Rights(within, reach(user, VIEW_CONTENT)) if within else None


def _person(user: Any) -> str:
    return str(user.external_id)


def _download(export: Export, order: Order) -> StreamingHttpResponse:
    response = StreamingHttpResponse(sent(services.steps(export, order)), content_type=order.form.content_type)
    name = f"countersign-{timezone.now():%Y-%m-%d}-{str(export.pk)[:8]}.{order.form.suffix}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    # Reverse proxies would else gather the file before they pass it on.
    response["X-Accel-Buffering"] = "no"
    return response
