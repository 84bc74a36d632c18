"""The page of measures. Its template gets ``measures`` (``contracts.Measures``), ``chart`` and ``choices``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.web import signed_in
from approvals.errors import MalformedInput
from approvals.measures import queries
from approvals.measures.chart import chart
from approvals.measures.forms import DAYS, MeasuresForm
from approvals.web import renders_errors


@require_safe
@require_role(Role.VIEWER)
@renders_errors
def measures_page(http_request: HttpRequest) -> HttpResponse:
    form = MeasuresForm(http_request.GET)
    if not form.is_valid():
        raise MalformedInput("Measures are of the last 7 or 30 days. Choose one of them.", field="days")
    measures = queries.measures(
        person=signed_in(http_request), days=form.cleaned_data["days"] or DAYS[0], within=reach_of(http_request)
    )
    context = {"measures": measures, "chart": chart(measures.by_day), "choices": DAYS}
    return render(http_request, "approvals/measures/page.html", context)
