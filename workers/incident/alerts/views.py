"""Where monitoring tells of incidents."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.web import error_as_json
from warrants.errors import WarrantError
from workers.client import NoSharedClients, shared
from workers.incident.alerts import services, signatures
from workers.incident.alerts.contracts import Alert, Ignored
from workers.incident.alerts.errors import AlertError, AlertTooLarge, NotJson, TemporalDown
from workers.incident.alerts.reading import read_alert

MAXIMUM_BYTES = 256 * 1024


@csrf_exempt  # The sender is no browser: the signature over the body says who it is.
@require_POST
async def receive_alert(http_request: HttpRequest) -> JsonResponse:
    """Take one webhook. 202 means it is taken care of; anything else says what is wrong and with which field."""
    try:
        alert = read_alert(_signed_body(http_request))
        if isinstance(alert, Ignored):
            return JsonResponse({"state": "ignored", "event_type": alert.event_type}, status=202)
        return JsonResponse({"state": "accepted", "workflow_id": await _start(alert)}, status=202)
    except (AlertError, WarrantError) as error:
        return _error_response(error)


def _signed_body(http_request: HttpRequest) -> bytes:
    if http_request.content_type != "application/json":
        raise NotJson("Send the webhook with Content-Type: application/json.")
    body = http_request.read(MAXIMUM_BYTES + 1)
    if len(body) > MAXIMUM_BYTES:
        raise AlertTooLarge(f"An alert may have at most {MAXIMUM_BYTES} bytes.")
    signatures.check(body, http_request.headers.get(signatures.HEADER, ""), settings.ALERT_WEBHOOK_SECRETS)
    return body


async def _start(alert: Alert) -> str:
    try:
        return await services.start_incident(clients=shared, alert=alert)
    except NoSharedClients as error:
        raise TemporalDown(f"{error} Then send the webhook again.") from None


def _error_response(error: AlertError | WarrantError) -> JsonResponse:
    response = error_as_json(error)
    if isinstance(error, TemporalDown):
        response["Retry-After"] = "10"
    return response
