"""The page on which payloads of an incident are erased.

``audit/erasure.html`` gets ``card`` (``IncidentCard``), ``fresh`` (whether the person signed in just now, which erasing
takes), ``sign_in_again`` (an address), ``standing`` (``Standing``), and ``error``: None or a sentence; then the status
is 4xx.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from audit.access import Reach, eraser_required, signed_in_just_now
from audit.custody import CustodyError
from audit.ledger.queries import card_of
from audit.models import LedgerChain
from audit.retention.erasing import erase
from audit.retention.errors import RetentionError
from audit.retention.queries import standing_of
from audit.sealing import SealingError

_NOT_FRESH = "You signed in too long ago for this. Sign in again, then erase. Nothing was done."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@eraser_required
def erasure(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    try:
        card = card_of(chain, within=within)
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
    fresh, refused = signed_in_just_now(request), ""
    if request.method == "POST":
        refused = _erase(request, chain) if fresh else _NOT_FRESH
        if not refused:
            return redirect("audit:incident", chain)
    here = reverse("audit:erasure", args=[chain])
    context = {
        "card": card,
        "fresh": fresh,
        "sign_in_again": f"{reverse('account_login')}?next={here}",
        "standing": standing_of(chain),
        "error": refused,
    }
    return render(request, "audit/erasure.html", context, status=409 if refused else 200)


def _erase(request: HttpRequest, chain: str) -> str:
    """Return why nothing was erased, or nothing."""
    by = str(getattr(request.user, "external_id", request.user))
    try:
        records = erase(chain=chain, reason=request.POST.get("reason", ""), by=by)
    except (RetentionError, SealingError, CustodyError) as error:
        return str(error)
    messages.success(request, f"{len(records)} payloads of this incident are erased, and the ledger says so.")
    return ""
