"""Who is away, and who is told instead.

``approvals/absence/absence.html`` gets ``form`` (``forms.AbsenceForm``), ``own`` and ``others`` (``queries.Line``; the
latter None for whoever oversees nobody), and ``time_zones`` (names).
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import remembered_reach
from accounts.web import signed_in
from approvals.absence import queries, services
from approvals.absence.errors import AbsenceRefused
from approvals.absence.forms import AbsenceForm
from approvals.time_zones import time_zones


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.VIEWER)
def absence(http_request: HttpRequest) -> HttpResponse:
    """Show who is away, or note that somebody is."""
    person = signed_in(http_request)
    oversees = remembered_reach(person, *queries.ADMINISTRATORS)
    sent: QueryDict | None = http_request.POST if http_request.method == "POST" else None
    form = AbsenceForm(sent, by=person, oversees=oversees, time_zone=queries.time_zone_of(person))
    if sent is not None and form.is_valid():
        try:
            services.note(**form.values, by=person)
        except AbsenceRefused as error:
            form.add_error(error.field, error.sentence)
        else:
            messages.success(http_request, "Noted. It is listed below, and can be ended there.")
            return redirect("absence:absence")
    now = timezone.now()
    context = {
        "form": form,
        "own": [queries.shown(row, now) for row in queries.own(person)],
        "others": [queries.shown(row, now) for row in queries.of_others(person, oversees, now)] if oversees else None,
        "time_zones": time_zones(),
    }
    status = 200 if sent is None else 422
    return render(http_request, "approvals/absence/absence.html", context, status=status)


@never_cache
@require_POST
@require_role(Role.VIEWER)
def end(http_request: HttpRequest, absence_id: int) -> HttpResponse:
    """Let somebody be back."""
    person = signed_in(http_request)
    found = queries.may_end(person, remembered_reach(person, *queries.ADMINISTRATORS)).filter(pk=absence_id).first()
    if found is None:
        raise Http404
    if services.end(absence=found, by=person):
        messages.success(http_request, "Ended. New requests reach you." if found.person == person else "Ended.")
    else:
        messages.info(http_request, "It was over already.")
    return redirect("absence:absence")
