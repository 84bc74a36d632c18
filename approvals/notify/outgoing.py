"""One request to a server that somebody else named: within a bounded time, and only to addresses that may be reached.

The addresses of the host are looked up once, judged, and connected to: no second look-up can bring another. The
certificate must be the host's all the same. No redirect is followed and no proxy is used. Of the answer to a POST only
the status and ``Retry-After`` are read, of a 200 to a GET so many bytes, as they come: what is packed stays packed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import anyio.to_thread
import httpx

from audit.streaming.https import retry_after_seconds, why_unreachable

# For looking up, connecting, sending and the answer together, also from a server that drips.
SECONDS = 10.0
CONNECT_SECONDS = 4.0
# A host may have many; the first ones are tried.
MOST_ADDRESSES = 3
# What machines in a cloud learn their credentials from. Azure's and Alibaba's are not link-local.
_METADATA = {
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200")
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the server answered. ``asked_seconds``: for which it wants to be left alone."""

    status: int
    asked_seconds: float
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    allow_private: bool
    body: bytes | None = None
    most_bytes: int = 0  # of the answer, that are read


class NotAllowed(Exception):
    """The host has an address that may not be reached. Nothing was sent."""


class Unreachable(Exception):
    """Nothing was sent; the text says why."""


class Unanswered(Exception):
    """It may have arrived; the text says why that is not known."""


class TooLarge(Exception):
    """The answer has more bytes than are read."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> Heard:
    """Send ``body`` to ``url``, http or https. Raises ``NotAllowed``, ``Unreachable`` and ``Unanswered``."""
    return asyncio.run(_within_time(_Request("POST", httpx.URL(url), headers, allow_private, body)))


async def get(url: str, headers: Mapping[str, str], *, allow_private: bool, most_bytes: int) -> Heard:
    """Ask for ``url``, http or https. Raises ``NotAllowed``, ``Unreachable``, ``Unanswered`` and ``TooLarge``."""
    plain = {"accept-encoding": "identity", **headers}
    return await _within_time(_Request("GET", httpx.URL(url), plain, allow_private, most_bytes=most_bytes))


def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of ``host``, each once. Raises ``OSError`` or ``UnicodeError`` if it has none."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether the IP address ``text`` may be reached; one inside this network only with ``allow_private``.

    Link-local and metadata addresses never may.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return allow_private
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    # An IPv4 address in one of the ways into IPv6 may be any; the rest is nobody's.
    if address.is_reserved or getattr(address, "sixtofour", None) or getattr(address, "teredo", None):
        return False
    return address.is_global or allow_private


async def _within_time(request: _Request) -> Heard:
    try:
        async with asyncio.timeout(SECONDS):
            return await _exchange(request)
    except TimeoutError as error:
        raise Unanswered(f"{SECONDS:g} seconds were over") from error


async def _exchange(request: _Request) -> Heard:
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    try:
        # Nothing bounds a look-up but its thread's being left behind.
        found = await anyio.to_thread.run_sync(look_up, request.url.host, port, abandon_on_cancel=True)
    except (OSError, UnicodeError) as error:
        raise Unreachable("its host is not known") from error
    if not found or not all(is_allowed(one, allow_private=request.allow_private) for one in found):
        raise NotAllowed
    why = ""
    for address in found[:MOST_ADDRESSES]:
        try:
            return await _ask(request, address)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            why = why_unreachable(error)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise Unanswered(why_unreachable(error)) from error
    raise Unreachable(why)


async def _ask(request: _Request, address: str) -> Heard:
    sent = {"host": request.url.netloc.decode("ascii"), "user-agent": "Countersign", **request.headers}
    async with (
        httpx.AsyncClient(
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        ) as client,
        client.stream(
            request.method,
            request.url.copy_with(host=address),
            content=request.body,
            headers=sent,
            extensions={"sni_hostname": request.url.raw_host.decode("ascii")},
        ) as response,
    ):
        asked = retry_after_seconds(response.headers.get("retry-after", ""))
        is_read = request.most_bytes and response.status_code == HTTPStatus.OK
        body = await _read(response, request.most_bytes) if is_read else b""
        return Heard(response.status_code, asked or 0.0, body)


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    found = bytearray()
    async for part in response.aiter_raw():
        found += part
        if len(found) > most_bytes:
            raise TooLarge
    return bytes(found)
