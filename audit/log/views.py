"""The page that says whether the ledger is whole.

``audit/ledger.html`` gets ``checks`` (``Checks``) and ``shows_findings``.
Findings name incidents of every namespace: only who oversees all of them reads them.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.access import Reach, exporter_required
from audit.log.checks import checks


@never_cache
@require_safe
@exporter_required
def ledger(request: HttpRequest, *, within: Reach) -> HttpResponse:
    return render(request, "audit/ledger.html", {"checks": checks(), "shows_findings": within.everywhere})
