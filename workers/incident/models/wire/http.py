"""One bounded POST. What goes wrong is told by status and kind, never by quoting headers or bodies."""

from __future__ import annotations

import json
import re

import httpx

from workers.incident.models.errors import ModelAnswerInvalid, ModelError, ModelRequestRefused, ModelUnavailable

MAXIMUM_ANSWER_BYTES = 1024 * 1024
TIMEOUT = httpx.Timeout(100, connect=10)
_ERROR_KIND = re.compile(r"[a-z_]{1,40}")


async def post_json(url: str, *, headers: dict[str, str], body: dict[str, object]) -> object:
    """Return the JSON that ``url`` answers. Raises ``ModelError``. No redirect is followed: it would get the key."""
    try:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT) as client,
            client.stream("POST", url, headers=headers, json=body) as response,
        ):
            content = await _bounded(response)
            status = response.status_code
    except httpx.HTTPError as error:
        # The cause would travel with the failure, and may name more than its kind.
        raise ModelUnavailable(f"The model's provider cannot be reached ({type(error).__name__}).") from None
    if status != 200:
        raise _refusal(status, content)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ModelAnswerInvalid("The model's provider answered with something that is not JSON.") from None


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAXIMUM_ANSWER_BYTES:
            raise ModelAnswerInvalid(f"The model's provider answered with more than {MAXIMUM_ANSWER_BYTES} bytes.")
    return bytes(content)


def _refusal(status: int, content: bytes) -> ModelError:
    told = f"The model's provider answered {status}{_kind(content)}."
    if status in (401, 403):
        return ModelRequestRefused(f"{told} Check the provider's key.")
    if status == 429 or status >= 500 or status == 408:
        return ModelUnavailable(told)
    return ModelRequestRefused(f"{told} Check MODEL_NAME and MODEL_BASE_URL.")


def _kind(content: bytes) -> str:
    """Return the error's published type, if there is one: the message beside it may quote part of the key."""
    try:
        kind = json.loads(content)["error"]["type"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" ({kind})" if isinstance(kind, str) and _ERROR_KIND.fullmatch(kind) else ""
