"""``/incidents/<chain>/timeline/``: by GET names and times, by POST also what was said, once the ledger has it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.models import Person
from audit.access import DECODE_PAYLOAD, VIEW_CONTENT, Reach, reach, reader_required
from audit.models import LedgerChain
from workers.codec_server import limits
from workers.codec_server.errors import CodecServerError
from workers.codec_server.services import Caller
from workers.timeline import queries
from workers.timeline.contracts import Content, Histories, Recorded
from workers.timeline.joining import join
from workers.timeline.opening import open_steps
from workers.timeline.reading import histories


@require_http_methods(["GET", "HEAD", "POST"])
@reader_required
def timeline(request: HttpRequest, chain: str, *, within: Reach) -> HttpResponse:
    """``timeline/page.html``: ``tree``, ``items``, ``missing``, ``may_open``, ``is_open``, ``is_whole``, ``error``."""
    try:
        recorded = queries.recorded(chain, within=within, content=reach(request.user, VIEW_CONTENT))
    except LedgerChain.DoesNotExist as error:
        raise Http404 from error
    may_open = _may(request, DECODE_PAYLOAD, recorded)
    person = request.user
    if request.method == "POST" and not may_open:
        raise Http404
    found = histories(recorded.namespace, recorded.runs) if recorded.namespace else Histories([], [])
    contents: dict[int, Content] = {}
    status, sentence, is_whole = 200, "", True
    if request.method == "POST" and isinstance(person, Person) and found.steps:
        try:
            limits.count(request, person=person)
            contents, is_whole = open_steps(caller=Caller(person), namespace=recorded.namespace, steps=found.steps)
        except CodecServerError as error:
            status, sentence = error.http_status, error.sentence
    shown = {
        "tree": recorded.tree,
        "items": join(found.steps, recorded.told, contents),
        "missing": found.missing,
        "may_open": may_open and bool(found.steps),
        "may_view_content": recorded.tree.shows_content,
        "is_open": bool(contents),
        "is_whole": is_whole,
        "error": sentence,
    }
    response = render(request, "timeline/page.html", shown, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _may(request: HttpRequest, permission: str, recorded: Recorded) -> bool:
    found = reach(request.user, permission)
    return found is not None and (found.everywhere or recorded.namespace in found.namespaces)
