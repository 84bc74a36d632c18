"""``POST /api/v1/warrants``: minting for programs. ``docs/openapi.yaml`` describes it."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.errors import DeadToken
from accounts.tokens.access import accepts_minting_tokens, token_of
from accounts.web import error_as_json
from warrants.agents.contracts import INCIDENT_AGENT
from warrants.errors import MalformedOrder, WarrantError
from warrants.minting.contracts import MintedWarrant, Order
from warrants.minting.ordering import order_by

MAXIMUM_BYTES = 16 * 1024
_REQUIRED = ("policy", "incident_id", "title", "severity", "service")
_OPTIONAL = ("namespace", "agent", "barred_people")


@never_cache
@require_POST
@accepts_minting_tokens
def warrants(http_request: HttpRequest) -> JsonResponse:
    """Mint a warrant: 201, or 200 for one that the same Idempotency-Key got before; else the error."""
    token = token_of(http_request)
    if token is None:
        return error_as_json(DeadToken())
    try:
        warrant, is_new = order_by(
            token.person,
            order=_order(_document(http_request)),
            idempotency_key=http_request.headers.get("Idempotency-Key", ""),
        )
    except WarrantError as error:
        return error_as_json(error)
    return JsonResponse(_as_json(warrant), status=201 if is_new else 200)


def _document(http_request: HttpRequest) -> dict[str, Any]:
    if http_request.content_type != "application/json":
        raise MalformedOrder("Send it with Content-Type: application/json.", field="Content-Type")
    body = http_request.read(MAXIMUM_BYTES + 1)
    if len(body) > MAXIMUM_BYTES:
        raise MalformedOrder(f"An order for a warrant has at most {MAXIMUM_BYTES} bytes.")
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise MalformedOrder("The body is not JSON in UTF-8, or names something twice.") from None
    if not isinstance(found, dict):
        raise MalformedOrder("The body must be a JSON object.")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name stands twice.")
    return found


def _order(document: dict[str, Any]) -> Order:
    for name in document:
        if name not in (*_REQUIRED, *_OPTIONAL):
            raise MalformedOrder(f"{name[:80]!r} is not known here.", field=name[:80])
    defaults = {"namespace": settings.TEMPORAL_NAMESPACE, "agent": INCIDENT_AGENT}
    texts = {name: _text(name, document.get(name, defaults.get(name))) for name in (*_REQUIRED, *defaults)}
    barred = document.get("barred_people", [])
    if not isinstance(barred, list) or not all(isinstance(person, str) for person in barred):
        raise MalformedOrder("barred_people must be a list of texts.", field="barred_people")
    return Order(**texts, barred_people=tuple(barred))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise MalformedOrder(f"{name} must be text.", field=name)
    return value


def _as_json(warrant: MintedWarrant) -> dict[str, Any]:
    return {
        "id": warrant.id,
        "agent": warrant.key_id,
        "namespace": warrant.namespace,
        "expires_at": warrant.expires_at,
        "chain": [base64.b64encode(data).decode() for data in warrant.chain],
    }
