"""Where Slack calls us. It is answered at once; nobody's session is looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.web import error_as_json
from approvals.errors import ApprovalError
from approvals.notify.slack import inbound, services
from approvals.notify.slack.later import later

MAXIMUM_CHALLENGE = 500
View = Callable[[HttpRequest], HttpResponse]


def _from_slack(view: View) -> View:
    @csrf_exempt  # The sender is no browser: the signature over the body says who it is.
    @require_POST
    @wraps(view)
    def wrapper(http_request: HttpRequest) -> HttpResponse:
        try:
            return view(http_request)
        except ApprovalError as error:
            return error_as_json(error)

    return wrapper


@_from_slack
def take_event(http_request: HttpRequest) -> HttpResponse:
    """An event: links to us that want a preview, or the end of the app in the workspace."""
    body = inbound.event_of(http_request)
    if body.get("type") == "url_verification":
        return HttpResponse(str(body.get("challenge", ""))[:MAXIMUM_CHALLENGE], content_type="text/plain")
    event = body["event"] if isinstance(body.get("event"), dict) else {}
    kind = event.get("type")
    if kind == "link_shared":
        later(partial(services.unfurl, event=event))
    elif kind == "app_uninstalled" or (kind == "tokens_revoked" and inbound.revokes_ours(event)):
        later(partial(services.shut_out, code=kind))
    return HttpResponse()


@_from_slack
def take_command(http_request: HttpRequest) -> HttpResponse:
    """``/countersign``. What it tells goes to Slack, not to whoever sent this."""
    fields = inbound.command_of(http_request)
    slack_id, response_url = fields.get("user_id", ""), fields.get("response_url", "")
    later(partial(services.list_waiting, slack_id=slack_id, response_url=response_url))
    return HttpResponse()


@_from_slack
def take_interaction(http_request: HttpRequest) -> HttpResponse:
    """A button that leads to a page tells us too. Nothing is decided in Slack."""
    inbound.interaction_of(http_request)
    return HttpResponse()
