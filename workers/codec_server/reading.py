"""Reading and writing protobuf JSON of payloads, whoever sent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads

from workers.codec_server.errors import MalformedPayloads, NotJson, TooLarge

MAXIMUM_PAYLOADS = 1_000
# Temporal takes messages of 4 MiB, which is 5.4 MiB in base64.
MAXIMUM_MEBIBYTES = 6
_MAXIMUM_BYTES = MAXIMUM_MEBIBYTES * 1024 * 1024
# A payload of ours has about seven. Whoever sends more wants the parser to make millions of small objects.
_MARKS_OF_A_PAYLOAD = 40


def read(http_request: HttpRequest) -> list[Payload]:
    """Return the payloads of the request's body. Raises ``NotJson``, ``TooLarge`` and ``MalformedPayloads``."""
    encoding = http_request.headers.get("Content-Encoding", "identity")
    if http_request.content_type != "application/json" or encoding.strip().lower() != "identity":
        raise NotJson
    body = http_request.read(_MAXIMUM_BYTES + 1)
    if len(body) > _MAXIMUM_BYTES:
        raise _too_large()
    return parse(body)


def parse(body: bytes) -> list[Payload]:
    """Return the payloads of ``body``. Raises ``TooLarge`` and ``MalformedPayloads``."""
    if sum(body.count(mark) for mark in (b"{", b"[", b",")) > MAXIMUM_PAYLOADS * _MARKS_OF_A_PAYLOAD:
        raise _too_large()
    try:
        message = json_format.Parse(body, Payloads())
    except (json_format.ParseError, ValueError, RecursionError):
        # What the parser says would repeat what was sent.
        raise MalformedPayloads from None
    if len(message.payloads) > MAXIMUM_PAYLOADS:
        raise _too_large()
    return list(message.payloads)


def write(payloads: Sequence[Payload]) -> dict[str, Any]:
    """Return protobuf JSON of ``payloads``."""
    return {"payloads": [json_format.MessageToDict(payload) for payload in payloads]}


def _too_large() -> TooLarge:
    return TooLarge(payloads=MAXIMUM_PAYLOADS, mebibytes=MAXIMUM_MEBIBYTES)
