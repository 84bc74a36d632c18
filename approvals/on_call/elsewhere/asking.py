"""Asking whoever keeps a schedule: within bounded time and bytes, through the door that judges addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from approvals.notify import outgoing
from approvals.notify.outgoing import Heard, NotAllowed, TooLarge, Unanswered, Unreachable
from approvals.on_call.elsewhere.contracts import FetchFailed, Schedule, Trouble

# A year of a service's shifts has some hundred thousand bytes.
MOST_JSON_BYTES = 4 * 2**20
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_FOR_NOW = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


async def body_of(schedule: Schedule, url: str, headers: Mapping[str, str], *, most_bytes: int) -> bytes:
    """Return what is at ``url``. Raises ``FetchFailed`` for everything that its keeper may do instead."""
    try:
        heard = await outgoing.get(url, headers, allow_private=schedule.allow_private, most_bytes=most_bytes)
    except NotAllowed:
        raise FetchFailed(Trouble.NOT_ALLOWED) from None
    except Unreachable as error:
        raise FetchFailed(Trouble.UNREACHABLE, str(error)) from None
    except Unanswered as error:
        raise FetchFailed(Trouble.UNANSWERED, str(error)) from None
    except TooLarge:
        raise FetchFailed(Trouble.TOO_LARGE, f"{most_bytes // 2**20} MiB") from None
    if heard.status != HTTPStatus.OK:
        raise FetchFailed(_trouble(heard), str(heard.status), asked_seconds=heard.asked_seconds)
    return heard.body


async def json_of(schedule: Schedule, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Any:
    """Return the JSON of a service. Raises ``FetchFailed``."""
    url = str(httpx.URL(f"{schedule.url}{path}", params=dict(query)))
    body = await body_of(schedule, url, {"accept": "application/json", **headers}, most_bytes=MOST_JSON_BYTES)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise FetchFailed(Trouble.NOT_UNDERSTOOD, "it is no JSON") from None


def listed(found: Any, *path: str) -> list[dict[str, Any]]:
    """Return the list of objects at ``path`` in an answer. Raises ``FetchFailed`` if there is none."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FetchFailed(Trouble.NOT_UNDERSTOOD, f"{'.'.join(path)} is no list of objects")
    return found


def moment(found: Mapping[str, Any], key: str) -> datetime:
    """Return the aware time that ``found`` has under ``key``. Raises ``FetchFailed``."""
    value = found.get(key)
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise FetchFailed(Trouble.NOT_UNDERSTOOD, f"{key} is no time with an offset")
    return at


def text(found: Any, key: str) -> str:
    """Return the text that ``found`` has under ``key``, or nothing."""
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def _trouble(heard: Heard) -> Trouble:
    if heard.status in _REFUSED:
        return Trouble.REFUSED
    if heard.status in _GONE:
        return Trouble.NOT_FOUND
    if heard.status in _FOR_NOW:
        return Trouble.BUSY
    if 300 <= heard.status < 400:
        return Trouble.MOVED
    return Trouble.BROKEN if heard.status >= 500 else Trouble.UNEXPECTED
