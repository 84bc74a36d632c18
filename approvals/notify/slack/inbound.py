"""What Slack sends: believed only if it is small, signed, fresh and of our workspace, in that order.

Whatever is sent twice is answered twice, and that is harmless: nothing here writes for a preview or a button, and what
a command is told goes to Slack's address for it and never to whoever sent it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from slack_sdk.signature import SignatureVerifier

from approvals.notify.slack.errors import (
    SlackForged,
    SlackMalformed,
    SlackNotSetUp,
    SlackOtherWorkspace,
    SlackTooLarge,
)
from approvals.notify.slack.settings import is_set_up

# What Slack sends is a few kilobytes; a preview of a message with many links is the most.
MAXIMUM_BYTES = 64 * 1024
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


def event_of(http_request: HttpRequest) -> dict[str, Any]:
    """Return a request of the Events API. Raises a domain error."""
    body = _object(_signed_body(http_request))
    # Slack asks whether the address is ours before any workspace is there.
    if body.get("type") != "url_verification":
        _require_ours(body.get("team_id"))
    return body


def command_of(http_request: HttpRequest) -> dict[str, str]:
    """Return the fields of a slash command. Raises a domain error."""
    fields = _form(_signed_body(http_request))
    _require_ours(fields.get("team_id"))
    return fields


def interaction_of(http_request: HttpRequest) -> dict[str, Any]:
    """Return what somebody did in a message. Raises a domain error."""
    payload = _object(_form(_signed_body(http_request)).get("payload", "").encode())
    team = payload.get("team")
    _require_ours(team.get("id") if isinstance(team, dict) else None)
    return payload


def revokes_ours(event: dict[str, Any]) -> bool:
    """Whether a ``tokens_revoked`` is about the app's own token, and not about some person's."""
    tokens = event.get("tokens")
    return isinstance(tokens, dict) and bool(tokens.get("bot"))


def _signed_body(http_request: HttpRequest) -> bytes:
    """Return the body as it was signed; nothing of it has been parsed."""
    if not is_set_up():
        raise SlackNotSetUp
    body = http_request.read(MAXIMUM_BYTES + 1)
    if len(body) > MAXIMUM_BYTES:
        raise SlackTooLarge(f"What Slack sends has at most {MAXIMUM_BYTES} bytes.")
    timestamp = http_request.headers.get("X-Slack-Request-Timestamp", "")
    signature = http_request.headers.get("X-Slack-Signature", "")
    if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
        raise SlackForged
    try:
        is_genuine = SignatureVerifier(settings.SLACK_SIGNING_SECRET).is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        raise SlackForged from None
    if not is_genuine:
        raise SlackForged
    return body


def _require_ours(team_id: object) -> None:
    if team_id != settings.SLACK_TEAM_ID:
        raise SlackOtherWorkspace


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise SlackMalformed("This is no JSON.") from None
    if not isinstance(found, dict):
        raise SlackMalformed("This is no JSON object.")
    return found


def _form(body: bytes) -> dict[str, str]:
    try:
        return QueryDict(body, encoding="utf-8").dict()
    except (ValueError, SuspiciousOperation):
        raise SlackMalformed("This is no form.") from None
