"""Asking an identity provider: briefly, without being led elsewhere, and not for ever."""

from __future__ import annotations

import time
from typing import Any

import requests

from accounts.errors import ProviderDown

MAXIMUM_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 3.05
_READ_SECONDS = 5.0
_WHOLE_SECONDS = 10.0
_CHUNK_BYTES = 64 * 1024


class GuardedSession(requests.Session):
    """A session that follows no redirects and bounds how long and how large an answer is.

    Raises ``ProviderDown`` for every failure to get one, and for a server error.
    """

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        deadline = time.monotonic() + _WHOLE_SECONDS
        options |= {"timeout": (_CONNECT_SECONDS, _READ_SECONDS), "allow_redirects": False, "stream": True}
        try:
            with super().request(method, url, **options) as response:
                # What was read is the whole content from here on: this is where requests itself keeps it.
                response._content = _read(response, deadline)
        except (requests.RequestException, OSError, ValueError) as error:
            raise ProviderDown(f"{url}: {type(error).__name__}") from error
        if response.status_code >= 500:
            raise ProviderDown(f"{url} answers {response.status_code}")
        response.headers.setdefault("content-type", "application/json")
        return response


def fetch_json(session: requests.Session, url: str, *, token: str = "") -> dict[str, Any]:
    """Return the object at ``url``. Raises ``ProviderDown`` if there is none."""
    response = session.get(url, headers={"Authorization": f"Bearer {token}"} if token else None)
    if response.status_code != 200:
        raise ProviderDown(f"{url} answers {response.status_code}")
    try:
        document = response.json()
    except (ValueError, RecursionError):
        raise ProviderDown(f"{url} is not JSON") from None
    if not isinstance(document, dict):
        raise ProviderDown(f"{url} is not an object")
    return document


def _read(response: requests.Response, deadline: float) -> bytes:
    parts: list[bytes] = []
    length = 0
    for part in response.iter_content(_CHUNK_BYTES):
        parts.append(part)
        length += len(part)
        if length > MAXIMUM_BYTES:
            raise ValueError("too large")
        if time.monotonic() > deadline:
            raise ValueError("too slow")
    return b"".join(parts)
