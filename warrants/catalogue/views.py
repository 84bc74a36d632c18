"""The page of tools that workers say they have.

``warrants/tools.html`` gets ``tools`` (a ``ToolList``), ``search`` and ``only_uncovered``: what the form asked for.
It is asked for with GET: ``q``, ``uncovered=1``, ``page``.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles.access import reach_of
from warrants.access import policy_readers
from warrants.catalogue import queries


@never_cache
@require_safe
@policy_readers
def tools(http_request: HttpRequest) -> HttpResponse:
    """List the tools of the reader's namespaces."""
    asked = http_request.GET
    search, only_uncovered = asked.get("q", "").strip(), asked.get("uncovered") == "1"
    found = queries.listed(
        within=reach_of(http_request), search=search, only_uncovered=only_uncovered, page=asked.get("page", "")
    )
    context = {"tools": found, "search": search, "only_uncovered": only_uncovered}
    return render(http_request, "warrants/tools.html", context)
