"""The search over the ledger. Every search is an address; looking for something writes nothing.

``audit/search.html`` gets:
    ``form``       ``SearchForm``, with what cannot be asked said at its fields
    ``error``      None, or what was refused: ``code``, ``field``, ``sentence``; then there is no ``page``
    ``page``       None, or ``hits.Page``
    ``query``      the search as an address has it, without the page
    ``search``     ``contracts.Search``; ``is_paged``: not the newest hits are shown
    ``gaps``       ``queries.Gaps``: what no search can find
    ``may_export``    whether the person may take evidence away
    ``sees_content``, ``limits_content``    whether the person may search in arguments, and whether only in some places
    ``saved``      list of ``saving.Saved``; ``saving``: its form's error, or None
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit.access import EXPORT, VIEW_CONTENT, Reach, reach, reader_required
from audit.models import IndexedEntry, SavedSearch
from audit.search import queries, saving
from audit.search.charts import charts as charts_of
from audit.search.contracts import Search
from audit.search.errors import MalformedSearch, SearchError
from audit.search.forms import SearchForm
from audit.search.hits import page


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person may search: ``within`` they read incidents, ``content`` and ``records`` as ``queries.matching``."""

    within: Reach
    content: Reach | None
    records: Reach | None

    @classmethod
    def of(cls, request: HttpRequest, within: Reach) -> Sight:
        return cls(within, reach(request.user, VIEW_CONTENT), reach(request.user, EXPORT))

    def matching(self, search: Search) -> QuerySet[IndexedEntry]:
        return queries.matching(search, within=self.within, content=self.content, records=self.records)

    @property
    def limits_content(self) -> bool:
        """Whether there are places where they read, but do not see content."""
        if self.content is None or self.content.everywhere:
            return False
        return self.within.everywhere or not self.within.namespaces <= self.content.namespaces


@never_cache
@require_safe
@reader_required
def search(request: HttpRequest, *, within: Reach) -> HttpResponse:
    return _page(request, Sight.of(request, within))


@never_cache
@require_safe
@reader_required
def charts(request: HttpRequest, *, within: Reach) -> HttpResponse:
    """``audit/_search_charts.html``, alone for htmx: ``charts`` (``Charts`` or None), ``query``, ``error``."""
    sight, error, found, asked = Sight.of(request, within), None, None, Search()
    try:
        asked = Search.from_parameters(request.GET.dict())
        found = charts_of(sight.matching(asked))
    except SearchError as refused:
        error = refused
    context = {"charts": found, "error": error, "query": urlencode(asked.to_parameters())}
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "audit/_search_charts.html" if is_fragment else "audit/search_charts.html"
    return render(request, template, context, status=error.http_status if error else 200)


@never_cache
@require_POST
@reader_required
def save(request: HttpRequest, *, within: Reach) -> HttpResponse:
    """Keep the search that the form's other fields say, under the name in ``name``."""
    asked = Search()
    try:
        asked = Search.from_parameters(request.POST.dict())
        kept = saving.save(owner=_owner(request), name=request.POST.get("name", ""), search=asked)
    except MalformedSearch as error:
        return _page(request, Sight.of(request, within), data=request.POST.dict(), saving_error=error)
    except SearchError as error:
        return _page(request, Sight.of(request, within), data=asked.to_parameters(), saving_error=error)
    messages.success(request, f"“{kept.name}” is saved, for you alone.")
    return redirect(f"{reverse('search:search')}?{urlencode(asked.to_parameters())}")


@never_cache
@require_POST
@reader_required
def delete(request: HttpRequest, saved_id: int, *, within: Reach) -> HttpResponse:
    try:
        gone = saving.delete(owner=_owner(request), saved_id=saved_id)
    except SavedSearch.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, f"“{gone.name}” is deleted.")
    return redirect("search:search")


def _page(
    request: HttpRequest,
    sight: Sight,
    *,
    data: dict[str, str] | None = None,
    saving_error: SearchError | None = None,
) -> HttpResponse:
    data = request.GET.dict() if data is None else data
    namespaces = queries.namespaces(within=sight.within)
    form = SearchForm(data, namespaces=namespaces, records=bool(sight.records), content=bool(sight.content))
    error, found, before = None, None, data.get("before", "")
    if form.is_valid():
        try:
            newest = queries.newest(form.search, within=sight.within, content=sight.content, records=sight.records)
            found = page(newest, content=sight.content, before=before, arguments=form.search.asks_for_content)
        except SearchError as refused:
            error = refused
    context: dict[str, Any] = {
        "form": form,
        "error": error,
        "page": found,
        "query": urlencode(form.search.to_parameters()),
        "search": form.search,
        "parameters": form.search.to_parameters(),
        "is_paged": bool(before),
        "gaps": queries.gaps(within=sight.within, records=sight.records),
        "may_export": bool(sight.records),
        "sees_content": bool(sight.content),
        "limits_content": sight.limits_content,
        "saved": saving.saved_by(_owner(request)),
        "saving": saving_error,
    }
    wrong = saving_error or error
    status = wrong.http_status if wrong else 200 if form.is_valid() else 422
    return render(request, "audit/search.html", context, status=status)


def _owner(request: HttpRequest) -> str:
    return str(request.user.pk)
