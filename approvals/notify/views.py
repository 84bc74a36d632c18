"""How a person is told, and what could not be told.

``approvals/notify/preferences.html`` gets ``form`` (``preferences.forms.PreferencesForm``), ``choices``
(``preferences.queries.ChannelChoice``), ``time_zones`` (names) and ``browsers`` (``push.queries.Browsers``, or None).
``approvals/notify/log.html`` gets ``overview`` (``queries.Overview``) and ``webhooks`` (``webhooks.queries.Webhooks``)
and ``schedules`` (those kept elsewhere that cannot be fetched, ``on_call.elsewhere.queries.ScheduleLine``).
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.web import signed_in
from approvals.notify import queries
from approvals.notify.preferences import services
from approvals.notify.preferences.forms import PreferencesForm
from approvals.notify.preferences.queries import choices
from approvals.notify.push.queries import browsers_of
from approvals.notify.webhooks.queries import webhooks
from approvals.on_call.elsewhere.queries import in_trouble
from approvals.time_zones import time_zones


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(Role.VIEWER)
def preferences(http_request: HttpRequest) -> HttpResponse:
    """Show how the person is told, or change it."""
    person = signed_in(http_request)
    if http_request.method != "POST":
        return _preferences(http_request, PreferencesForm(person=person))
    form = PreferencesForm(http_request.POST, person=person)
    if not form.is_valid():
        return _preferences(http_request, form, status=422)
    services.prefer(person=person, channels=form.cleaned_data["channels"], quiet=form.quiet)
    messages.success(http_request, "Saved. You are told like this from now on.")
    return redirect("notifications:preferences")


@never_cache
@require_safe
@require_role(*queries.OVERSEERS)
def log(http_request: HttpRequest) -> HttpResponse:
    """Show what could not be told, where the person oversees people."""
    within = reach_of(http_request)
    context = {"overview": queries.overview(within=within), "webhooks": webhooks(within=within)}
    context["schedules"] = in_trouble(within=within)
    return render(http_request, "approvals/notify/log.html", context)


def _preferences(http_request: HttpRequest, form: PreferencesForm, *, status: int = 200) -> HttpResponse:
    person = signed_in(http_request)
    context = {
        "form": form,
        "choices": choices(person),
        "browsers": browsers_of(person),
        "time_zones": time_zones(),
    }
    return render(http_request, "approvals/notify/preferences.html", context, status=status)
