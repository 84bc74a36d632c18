"""Who is on call, who steps in, and whom ladders tell first.

``approvals/on_call/on_call.html`` gets ``cards`` (``queries.RotationCard``), ``ladders`` (``queries.LadderLine``; None
for whoever sees none), ``may_edit`` and ``may_edit_ladders``. ``rotation.html`` gets ``rotation`` (None for a new
one), ``form`` and ``time_zones``; ``step_in.html`` gets ``rotation`` and ``form``; ``ladder.html`` gets ``policy`` and
``formset``. ``removal.html`` gets ``rotation``, ``ladders`` (names of policies; empty for all without) and ``problem``;
``end_step_in.html`` gets ``override``, ``line`` (``queries.StepInLine``) and ``rotation``. ``hand_over.html`` gets
``rotation``, ``shift`` (``hand_over.HandOver``, or None), ``of_the_last`` and ``site`` (this installation's address).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import remembered_reach
from accounts.web import signed_in
from approvals.models import LadderStep, OnCallRotation
from approvals.on_call import hand_over as hand_overs
from approvals.on_call import queries, services
from approvals.on_call.elsewhere import services as schedules
from approvals.on_call.errors import RotationChanged, RotationInUse
from approvals.on_call.forms import Ladder, RotationForm, StepInForm
from approvals.time_zones import time_zones

_SAVED_MEANWHILE = "Somebody else saved it at this moment. Nothing of yours was saved: look at theirs, and save again."


@never_cache
@require_safe
@require_role(Role.VIEWER)
def on_call(http_request: HttpRequest) -> HttpResponse:
    person, edits = signed_in(http_request), remembered_reach(signed_in(http_request), *queries.EDITORS)
    found = queries.cards(
        sees=reach_of(http_request),
        edits=edits,
        steps_in=remembered_reach(person, *queries.STEPPERS_IN),
        now=timezone.now(),
    )
    sees_ladders = remembered_reach(person, *queries.LADDER_READERS).everywhere
    context = {
        "cards": found,
        "ladders": queries.ladders() if sees_ladders else None,
        "may_edit": bool(edits),
        "may_edit_ladders": edits.everywhere,
    }
    return render(http_request, "approvals/on_call/on_call.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*queries.EDITORS)
def rotation(http_request: HttpRequest, rotation_id: int | None = None) -> HttpResponse:
    """Show a rotation to edit, or a new one; or keep it."""
    edits = reach_of(http_request)
    kept = get_object_or_404(queries.rotations_in(edits), pk=rotation_id) if rotation_id is not None else None
    name = kept.name if kept else ""
    form = RotationForm(_posted(http_request), instance=kept, edits=edits)
    status = 200
    if http_request.method == "POST":
        if form.is_valid():
            try:
                services.save_rotation(rotation=form.instance, people=form.people, by=signed_in(http_request))
            except IntegrityError:
                form.add_error("name", "Another rotation has this name. Give it another.")
            except RotationChanged as error:
                form.add_error(None, error.sentence)
            else:
                messages.success(http_request, "Saved. It counts from now on.")
                return redirect("on_call:on_call")
        status = 422
    context = {
        "rotation": kept,
        "name": name,
        "form": form,
        "time_zones": time_zones(),
    }
    return render(http_request, "approvals/on_call/rotation.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*queries.STEPPERS_IN)
def step_in(http_request: HttpRequest, rotation_id: int) -> HttpResponse:
    """Ask who steps in, or note it."""
    kept: OnCallRotation = get_object_or_404(queries.rotations_in(reach_of(http_request)), pk=rotation_id)
    form = StepInForm(_posted(http_request), rotation=kept)
    status = 200
    if http_request.method == "POST":
        if form.is_valid():
            try:
                services.step_in(rotation=kept, by=signed_in(http_request), **form.cleaned_data)
            except RotationChanged as error:
                form.add_error(None, error.sentence)
            else:
                messages.success(http_request, f"Noted: {form.cleaned_data['person']} steps in.")
                return redirect("on_call:on_call")
        status = 422
    return render(http_request, "approvals/on_call/step_in.html", {"rotation": kept, "form": form}, status=status)


@require_POST
@require_role(*queries.EDITORS)
def fetch(http_request: HttpRequest, rotation_id: int) -> HttpResponse:
    """Let the schedule that a rotation is taken from be fetched soon. Nothing is asked from here."""
    taken = queries.rotations_in(reach_of(http_request)).exclude(schedule="")
    kept: OnCallRotation = get_object_or_404(taken, pk=rotation_id)
    if schedules.fetch_soon(name=kept.schedule, now=timezone.now()):
        messages.success(http_request, "It is fetched within some seconds. Reload this page to see what came of it.")
    else:
        messages.error(http_request, "It asks to be left alone for a while, and is fetched after that.")
    return redirect("on_call:on_call")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*queries.EDITORS)
def removal(http_request: HttpRequest, rotation_id: int) -> HttpResponse:
    """Ask whether a rotation is to be removed, or remove it as it was when that was asked."""
    kept: OnCallRotation = get_object_or_404(queries.rotations_in(reach_of(http_request)), pk=rotation_id)
    status, problem = 200, ""
    if http_request.method == "POST":
        seen_at = http_request.POST.get("seen_at", "")
        try:
            services.remove_rotation(rotation=kept, seen_at=seen_at, by=signed_in(http_request))
        except (RotationInUse, RotationChanged) as error:
            status, problem = error.http_status, error.sentence
        else:
            messages.success(http_request, f"{kept} is removed.")
            return redirect("on_call:on_call")
    context = {"rotation": kept, "ladders": queries.ladders_with(kept), "problem": problem}
    return render(http_request, "approvals/on_call/removal.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*queries.STEPPERS_IN)
def end_step_in(http_request: HttpRequest, override_id: int) -> HttpResponse:
    """Ask whether somebody is to step in no longer, or not at all; or note it."""
    found = queries.step_ins_in(reach_of(http_request)).filter(pk=override_id).first()
    if found is None:
        raise Http404
    if http_request.method == "POST":
        if services.end_step_in(override=found, by=signed_in(http_request)):
            messages.success(http_request, f"{found.person} steps in no longer.")
        else:
            messages.info(http_request, "It was over already.")
        return redirect("on_call:on_call")
    line = queries.step_in_line(found, timezone.now())
    context = {"override": found, "rotation": found.rotation, "line": line}
    return render(http_request, "approvals/on_call/end_step_in.html", context)


@never_cache
@require_safe
@require_role(Role.VIEWER)
def hand_over(http_request: HttpRequest, rotation_id: int) -> HttpResponse:
    """Show what the next person must know: of the shift that is on now, or with ``?shift=last`` of the one before."""
    within = reach_of(http_request)
    kept: OnCallRotation = get_object_or_404(queries.rotations_seen(within), pk=rotation_id)
    of_the_last = http_request.GET.get("shift") == "last"
    found = hand_overs.hand_over(
        kept, of_the_last=of_the_last, person=signed_in(http_request), within=within, now=timezone.now()
    )
    context = {"rotation": kept, "shift": found, "of_the_last": of_the_last, "site": settings.SITE_ROOT}
    return render(http_request, "approvals/on_call/hand_over.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*queries.EDITORS)
def ladder(http_request: HttpRequest, name: str = "") -> HttpResponse:
    """Show the ladder of the policy ``name``, or of all that have none; or keep it."""
    if not reach_of(http_request).everywhere or (name and name not in queries.policies()):
        raise Http404
    rows = LadderStep.objects.filter(policy=name).prefetch_related("people")
    initial = [
        {
            "rotation": row.rotation_id,
            "people": [person.pk for person in row.people.all()],
            "wait_minutes": row.wait_minutes,
            "wait_percent": row.wait_percent,
        }
        for row in rows
    ]
    formset = Ladder(_posted(http_request), initial=initial)
    status, problem = 200, ""
    if http_request.method == "POST":
        if formset.is_valid():
            steps = [form.step for form in formset if form.step is not None]
            try:
                services.save_ladder(policy=name, steps=steps, by=signed_in(http_request))
            except IntegrityError:
                problem = _SAVED_MEANWHILE
            else:
                messages.success(http_request, "Saved. It counts from the next step of every request that waits.")
                return redirect("on_call:on_call")
        status = 422
    context = {"policy": name, "formset": formset, "problem": problem}
    return render(http_request, "approvals/on_call/ladder.html", context, status=status)


def _posted(http_request: HttpRequest) -> QueryDict | None:
    return http_request.POST if http_request.method == "POST" else None
