"""The site as a browser uses it: pages, forms with their CSRF token, and the live socket."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from http.cookiejar import Cookie
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import websockets

RECONNECT_SECONDS = 1.0
CATCH_UP_SECONDS = 5.0
_REQUEST_LINK = re.compile(r'href="(/approvals/[A-Za-z0-9][A-Za-z0-9_-]{7,63}/)"')


class SiteRefused(Exception):
    """The site did not do what was asked; the message is its sentence, or its status."""


class Visit:
    """One visitor's session at the site of ``link``, which signs them in."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._link = link
        self._http = httpx.AsyncClient(base_url=self.origin, follow_redirects=True, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Open the one-time link and press its button."""
        page = Page(await self.get(self._link))
        response = await self._http.post(
            self._link, data={"csrfmiddlewaretoken": page.csrf_token}, headers={"Referer": self._link}
        )
        _require_success(response)

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies of this visit, its session's among them."""
        return list(self._http.cookies.jar)

    async def get(self, address: str) -> str:
        """Return a page's HTML. Raises ``SiteRefused``."""
        response = await self._http.get(address, headers={"Accept": "text/html"})
        _require_success(response)
        return response.text

    async def submit(self, address: str, fields: dict[str, str], *, page: Page) -> dict[str, Any]:
        """Submit a form of ``page``; return the JSON answer. Raises ``SiteRefused`` with the site's sentence."""
        response = await self._http.post(
            address,
            data=fields,
            headers={
                "Accept": "application/json",
                "Origin": self.origin,
                "Referer": f"{self.origin}/",
                "X-CSRFToken": page.csrf_token,
            },
        )
        _require_success(response)
        answer = response.json()
        if not isinstance(answer, dict):
            raise SiteRefused(f"{address} did not answer as expected.")
        return answer

    async def waiting_requests(self) -> list[str]:
        """Return the paths of the requests that wait, most urgent first."""
        return list(dict.fromkeys(_REQUEST_LINK.findall(await self.get("/approvals/list/"))))

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


class Page(HTMLParser):
    """What this program reads of a page: the CSRF token, JSON scripts, data attributes, and states by element id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.csrf_token = ""
        self.data: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self._scripts: dict[str, list[str]] = {}
        self._open_script: str | None = None
        self.feed(html)

    def json_script(self, name: str) -> Any:
        """Return the value of ``json_script`` ``name``. Raises ``SiteRefused`` if the page has none."""
        if name not in self._scripts:
            raise SiteRefused(f"The page has no {name!r} data.")
        return json.loads("".join(self._scripts[name]))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("name") == "csrfmiddlewaretoken":
            self.csrf_token = attributes.get("value") or ""
        if tag == "script" and attributes.get("type") == "application/json":
            self._open_script = attributes.get("id") or ""
            self._scripts[self._open_script] = []
        if attributes.get("id") and attributes.get("data-state"):
            self.states[attributes["id"] or ""] = attributes["data-state"] or ""
        self.data.update({name: value or "" for name, value in attrs if name.startswith("data-")})

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open_script = None

    def handle_data(self, data: str) -> None:
        if self._open_script is not None:
            self._scripts[self._open_script].append(data)


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _require_success(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.headers.get("content-type", "").startswith("application/json"):
        raise SiteRefused(str(response.json().get("message") or response.status_code))
    raise SiteRefused(f"{response.request.method} {response.request.url.path} answered {response.status_code}.")
