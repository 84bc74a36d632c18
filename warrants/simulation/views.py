"""The page on which people try calls on a version, and replay what was called against it. Nothing here writes.

``warrants/simulator.html`` gets ``version`` (a ``Version``), ``form`` (``CallForm``) and ``replay_form``, both None for
a text that is no policy, ``answer`` and ``replay`` as below, and ``error``: None, or why there is no answer; then the
status is 4xx. ``warrants/_simulated.html`` gets ``simulated`` (a ``Simulated``) or ``error``, ``warrants/_replay.html``
gets ``replay`` (a ``Replay``) or ``error``, ``changes`` (those that are shown) and ``replay_form``.

POST with a CSRF token: ``policies:simulator`` (``tool``, ``arguments``, ``severity``, ``service``, ``namespace``) and
``policies:replay`` (``days``, ``every_policy``, ``before``); htmx gets the fragment alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.roles.access import reach_of
from accounts.roles.queries import Reach
from accounts.web import wants_fragment
from audit.access import VIEW_CONTENT, reach
from warrants.access import policy_readers
from warrants.catalogue.queries import tools
from warrants.errors import PolicyError, UnknownPolicy, UnknownVersion, WarrantError
from warrants.policies.rules import Policy
from warrants.simulation.calls import read_arguments, read_tool
from warrants.simulation.examples import example_of
from warrants.simulation.forms import CallForm, ReplayForm, require_valid
from warrants.simulation.replaying import Replay, replay
from warrants.simulation.services import Version, parsed, simulate, version_of

SECONDS = 10.0
SHOWN = 200


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@policy_readers
def simulator(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Show the form, or answer what a call would come to."""
    version = _find(name, number)
    try:
        policy = parsed(version)
    except PolicyError as error:
        if http_request.method != "POST":
            return _page(http_request, version, None, error=error)
        return _answered(http_request, "warrants/_simulated.html", version, None, error=error)
    if http_request.method != "POST":
        return _page(http_request, version, policy, form=_form(http_request, policy))
    form = _form(http_request, policy, http_request.POST)
    try:
        require_valid(form)
        given = form.cleaned_data
        simulated = simulate(
            policy,
            tool=read_tool(given["tool"]),
            arguments=read_arguments(given["arguments"]),
            severity=given["severity"],
            service=given["service"],
            namespace=given["namespace"],
        )
    except WarrantError as error:
        return _answered(http_request, "warrants/_simulated.html", version, policy, form=form, error=error)
    return _answered(http_request, "warrants/_simulated.html", version, policy, form=form, simulated=simulated)


@never_cache
@require_POST
@policy_readers
def replayed(http_request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Answer what the version would have made of the calls of the last days."""
    version = _find(name, number)
    form = ReplayForm(http_request.POST)
    policy = None
    try:
        policy = parsed(version)
        require_valid(form)
        done = replay(
            policy,
            days=form.cleaned_data["days"],
            within=reach_of(http_request),
            content=reach(http_request.user, VIEW_CONTENT),
            every_policy=form.cleaned_data["every_policy"],
            before=form.cleaned_data["before"],
            seconds=SECONDS,
        )
    except WarrantError as error:
        return _answered(http_request, "warrants/_replay.html", version, policy, replay_form=form, replay_error=error)
    return _answered(http_request, "warrants/_replay.html", version, policy, replay_form=form, **_told(done))


def _told(done: Replay) -> dict[str, Any]:
    return {"replay": done, "changes": done.changes[:SHOWN], "unshown": max(len(done.changes) - SHOWN, 0)}


def _find(name: str, number: int) -> Version:
    try:
        return version_of(name, number)
    except (UnknownPolicy, UnknownVersion) as error:
        raise Http404 from error


def _form(http_request: HttpRequest, policy: Policy, data: Mapping[str, Any] | None = None) -> CallForm:
    namespaces = [namespace.name for namespace in settings.NAMESPACES if namespace.name in reach_of(http_request)]
    chosen = http_request.GET.get("tool", "")
    tool = chosen if chosen in policy.tools else next(iter(policy.tools))
    service = http_request.GET.get("service", "")[:100] or CallForm.base_fields["service"].initial
    example = example_of(policy.tools[tool].arguments, service=service)
    return CallForm(
        data,
        policy=policy,
        namespaces=namespaces,
        elsewhere=_known_tools(reach_of(http_request)),
        initial={"tool": tool, "service": service, "arguments": example},
    )


def _known_tools(within: Reach) -> set[str]:
    """Return the tools of workers in the namespaces ``within``."""
    return {tool.name for tool in tools() if any(place.partition("/")[0] in within for place in tool.places)}


def _answered(
    http_request: HttpRequest, fragment: str, version: Version, policy: Policy | None, **answer: Any
) -> HttpResponse:
    """Answer with the fragment alone, or for browsers without scripts with the whole page."""
    if not wants_fragment(http_request):
        return _page(http_request, version, policy, **answer)
    error: WarrantError | None = answer.get("error") or answer.get("replay_error")
    return render(http_request, fragment, {"version": version, **answer}, status=error.http_status if error else 200)


def _page(http_request: HttpRequest, version: Version, policy: Policy | None, **answer: Any) -> HttpResponse:
    error: WarrantError | None = answer.get("error") or answer.get("replay_error")
    context = {
        "version": version,
        "form": _form(http_request, policy) if policy else None,
        "replay_form": ReplayForm(),
        **answer,
        **({} if policy else {"error": error}),
    }
    # A text that is no policy yet is no fault of whoever looks.
    status = error.http_status if error and http_request.method == "POST" else 200
    return render(http_request, "warrants/simulator.html", context, status=status)
