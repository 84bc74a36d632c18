"""The queue and the request page.

Templates get the fields of ``queries.Queue`` (``cards``, ``total``, ``waiting``, ``show``, ``query``, ``page``,
``pages``, ``namespace``, ``namespaces``), a ``queries.RequestPage`` as ``page`` with who was told as ``told`` (a
``notify.queries.Told``; the whole page also gets ``step_up``, a ``StepUpTerms`` or None), or a ``queries.RequestCard``
as ``card``. With ``Accept: application/json`` the queue and a request answer as ``representation`` says.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.roles.access import reach_of, require_role
from accounts.roles.contracts import Role
from accounts.roles.queries import remembered_reach
from accounts.tokens.access import accepts_tokens
from accounts.web import signed_in, wants_json
from approvals.contracts import RequestState
from approvals.decisions import step_up as step_ups
from approvals.delivery import queries as delivery
from approvals.errors import MalformedInput
from approvals.notify import queries as notifications
from approvals.requests import queries, representation
from approvals.requests.forms import QueueForm
from approvals.web import renders_errors
from warrants.issuers.queries import trusted_roots


@require_safe
@accepts_tokens
@require_role(Role.VIEWER)
@renders_errors
def queue_page(http_request: HttpRequest) -> HttpResponse:
    queue = _queue(http_request)
    if wants_json(http_request):
        return JsonResponse(representation.queue(queue, person=signed_in(http_request)))
    return render(http_request, "approvals/queue.html", _context(queue))


@require_safe
@accepts_tokens
@require_role(Role.VIEWER)
def roots(http_request: HttpRequest) -> JsonResponse:
    """Return the public keys that warrants must lead back to: ``{"roots"}``, in hexadecimal."""
    return JsonResponse({"roots": [root.hex() for root in trusted_roots()]})


@require_safe
@require_role(Role.VIEWER)
@renders_errors
def queue_list(http_request: HttpRequest) -> HttpResponse:
    return render(http_request, "approvals/_list.html", _context(_queue(http_request)))


@require_safe
@require_role(Role.VIEWER)
@renders_errors
def backlog(http_request: HttpRequest) -> HttpResponse:
    """Say what waits for delivery for too long. The queue fetches it: making the queue costs nothing for it."""
    waiting = delivery.backlog(within=reach_of(http_request), older_than=delivery.LATE)
    return render(http_request, "approvals/_backlog.html", {"backlog": waiting})


@require_safe
@accepts_tokens
@require_role(Role.VIEWER)
@renders_errors
def request_page(http_request: HttpRequest, request_id: str) -> HttpResponse:
    person = signed_in(http_request)
    page = queries.request_page(person=person, request_id=request_id, within=reach_of(http_request))
    if wants_json(http_request):
        return JsonResponse(representation.request(page))
    step_up = step_ups.terms(
        person=person,
        request_id=request_id,
        seconds=page.step_up_seconds,
        session_key=http_request.session.session_key or "",
    )
    context = {"page": page, "step_up": step_up, "told": _told(http_request, page.card)}
    return render(http_request, "approvals/request.html", context)


@require_safe
@require_role(Role.VIEWER)
@renders_errors
def request_card(http_request: HttpRequest, request_id: str) -> HttpResponse:
    card = queries.request_card(person=signed_in(http_request), request_id=request_id, within=reach_of(http_request))
    return render(http_request, "approvals/_card.html", {"card": card})


@require_safe
@require_role(Role.VIEWER)
@renders_errors
def request_progress(http_request: HttpRequest, request_id: str) -> HttpResponse:
    page = queries.request_page(person=signed_in(http_request), request_id=request_id, within=reach_of(http_request))
    return render(http_request, "approvals/_progress.html", {"page": page, "told": _told(http_request, page.card)})


def _told(http_request: HttpRequest, card: queries.RequestCard) -> notifications.Told:
    overseen = remembered_reach(signed_in(http_request), *notifications.OVERSEERS)
    return notifications.told(
        card.id,
        is_open=card.state == RequestState.OPEN,
        severity_rank=card.severity_rank,
        opened_at=card.opened_at,
        shows_addresses=card.namespace in overseen,
    )


def _queue(http_request: HttpRequest) -> queries.Queue:
    form = QueueForm(http_request.GET)
    if not form.is_valid():
        field, messages = next(iter(form.errors.items()))
        raise MalformedInput(f"The queue cannot be shown like this. {messages[0]}", field=str(field))
    return queries.queue(
        person=signed_in(http_request),
        show=queries.QueueFilter(form.cleaned_data["show"] or queries.QueueFilter.WAITING),
        query=form.cleaned_data["q"],
        page=form.cleaned_data["page"] or 1,
        namespace=form.cleaned_data["namespace"],
        within=reach_of(http_request),
    )


def _context(queue: queries.Queue) -> dict[str, object]:
    return {
        "cards": queue.cards,
        "total": queue.total,
        "waiting": queue.waiting,
        "show": queue.show,
        "query": queue.query,
        "page": queue.page,
        "pages": queue.pages,
        "namespace": queue.namespace,
        "namespaces": queue.namespaces,
    }
