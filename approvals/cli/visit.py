"""The site as a program uses it: JSON, forms, and the live socket. docs/api.md says what is asked for."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from http.cookiejar import Cookie
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import websockets

from approvals.agent_text import visible
from approvals.cli.failures import SiteRefused

RECONNECT_SECONDS = 1.0
CATCH_UP_SECONDS = 5.0
CSRF_COOKIE = "countersign_csrf"
_REQUEST_ID = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{7,63}")


class Visit:
    """One visitor at one site: with a session that a one-time link opens, or with a token.

    ``address`` is the link, or any address of the site; ``token`` is sent instead of cookies.
    """

    def __init__(self, address: str, *, token: str = "") -> None:
        parts = urlsplit(address)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._link = address
        self._http = httpx.AsyncClient(
            base_url=self.origin,
            # Whoever has a token gets answers, never a way to somewhere else.
            follow_redirects=not token,
            timeout=30,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Open the one-time link and press its button."""
        await self.get(self._link)
        response = await self._http.post(
            self._link, data={"csrfmiddlewaretoken": self.csrf_token}, headers={"Referer": self._link}
        )
        _require_success(response)

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies of this visit, its session's among them."""
        return list(self._http.cookies.jar)

    @property
    def csrf_token(self) -> str:
        """What a form of this session carries; empty without a session."""
        return next((cookie.value or "" for cookie in self.cookies if cookie.name == CSRF_COOKIE), "")

    async def get(self, address: str) -> str:
        """Return a page's HTML. Raises ``SiteRefused``."""
        response = await self._http.get(address, headers={"Accept": "text/html"})
        _require_success(response)
        return response.text

    async def read(self, address: str, **parameters: str | int) -> dict[str, Any]:
        """Return what an address answers as JSON. Raises ``SiteRefused`` with the site's sentence."""
        response = await self._http.get(address, params=parameters, headers={"Accept": "application/json"})
        return _answer(response)

    async def submit(self, address: str, fields: dict[str, str]) -> dict[str, Any]:
        """Submit a form; return the JSON answer. Raises ``SiteRefused`` with the site's sentence."""
        response = await self._http.post(
            address,
            data=fields,
            headers={
                "Accept": "application/json",
                "Origin": self.origin,
                "Referer": f"{self.origin}/",
                "X-CSRFToken": self.csrf_token,
            },
        )
        return _answer(response)

    async def signing(self, request_id: str) -> dict[str, Any]:
        """Return what the site says is to be verified and signed for a request. Raises ``SiteRefused``."""
        signing = (await self.read(request_path(request_id))).get("signing")
        if not isinstance(signing, dict):
            raise SiteRefused("The site's signing data is not an object.")
        return signing

    async def waiting_requests(self) -> list[str]:
        """Return the ids of the requests that wait, most urgent first."""
        cards = (await self.read("/approvals/")).get("cards", [])
        return [str(card["id"]) for card in cards]

    async def changes(self) -> AsyncIterator[None]:
        """Yield at once, whenever something changed, after every reconnect, and every few seconds."""
        address = f"{self.origin.replace('http', 'ws', 1)}/live/"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)
        while True:
            try:
                async with websockets.connect(
                    address, origin=websockets.Origin(self.origin), additional_headers={"Cookie": cookies}
                ) as live:
                    yield
                    async for _ in _until_closed(live):
                        yield
            except (OSError, websockets.WebSocketException):
                yield
            await asyncio.sleep(RECONNECT_SECONDS)


async def _until_closed(live: websockets.ClientConnection) -> AsyncIterator[None]:
    while True:
        try:
            await asyncio.wait_for(live.recv(), CATCH_UP_SECONDS)
        except TimeoutError:
            pass
        except websockets.ConnectionClosed:
            return
        yield


def request_path(request_id: str) -> str:
    """Return a request's path. Raises ``SiteRefused`` for what can be no request id."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise SiteRefused("A request id has 8 to 64 letters, digits, hyphens and underscores.")
    return f"/approvals/{request_id}/"


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _answer(response: httpx.Response) -> dict[str, Any]:
    _require_success(response)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise SiteRefused(f"{response.request.url.path} did not answer as expected. Is this a Countersign site?")
    return answer


def _require_success(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.headers.get("content-type", "").startswith("application/json"):
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        if isinstance(answer, dict) and answer.get("message"):
            raise SiteRefused(visible(str(answer["message"])), code=str(answer.get("code", "")))
    path = response.request.url.path
    if response.status_code == 404:
        raise SiteRefused(f"There is nothing at {path}, or not for you.", code="not_found")
    raise SiteRefused(f"{response.request.method} {path} answered {response.status_code}.")
