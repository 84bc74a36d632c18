"""Whether this installation sends push messages, and over whose push services."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint's messages go. ``is_own_machine``: a push service that ``PUSH_HOSTS`` names on loopback."""

    host: str
    port: int
    path: str  # with its query
    is_own_machine: bool


def is_set_up() -> bool:
    return bool(settings.PUSH_CONTACT and settings.PUSH_HOSTS)


def target_of(endpoint: str) -> Target | None:
    """Return where ``endpoint`` leads, or None unless it is https at one of ``PUSH_HOSTS``, without anything odd."""
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint or "\\" in endpoint:
        return None
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.password is not None or parts.fragment or not host:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http" and port and f"http://{host}:{port}" in settings.PUSH_HOSTS and _is_loopback(host):
        return Target(host, port, path, True)
    if (
        parts.scheme == "https"
        and port in (None, _HTTPS_PORT)
        and any(_names(one, host) for one in settings.PUSH_HOSTS)
    ):
        return Target(host, _HTTPS_PORT, path, False)
    return None


def _names(pattern: str, host: str) -> bool:
    pattern = pattern.lower()
    if pattern.startswith("*."):
        label = host.removesuffix(pattern[1:])
        return label not in ("", host) and not label.startswith(".")
    return host == pattern


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
