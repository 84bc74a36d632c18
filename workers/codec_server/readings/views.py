"""The page of those who read payloads. Its template gets ``readings`` (``contracts.Readings``), ``form``, ``asked``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from workers.codec_server.readings import queries
from workers.codec_server.readings.forms import ReadingsForm


@require_safe
@require_role(Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
def readings_page(http_request: HttpRequest) -> HttpResponse:
    within = reach_of(http_request)
    form = ReadingsForm(http_request.GET, namespaces=queries.namespaces(within=within))
    if not form.is_valid():
        return render(http_request, "payloads/readings.html", {"form": form}, status=400)
    asked = form.asked()
    found = queries.readings(asked, within=within)
    return render(http_request, "payloads/readings.html", {"form": form, "asked": asked, "readings": found})
