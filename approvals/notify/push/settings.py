"""Whether this installation sends push messages, and over whose push services."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import httpx
from django.conf import settings

_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Target:
    """Where an endpoint's messages go. ``is_own_machine``: a push service that ``PUSH_HOSTS`` names on loopback."""

    url: str
    is_own_machine: bool


def is_set_up() -> bool:
    return bool(settings.PUSH_CONTACT and settings.PUSH_HOSTS)


def target_of(endpoint: str) -> Target | None:
    """Return where ``endpoint`` leads, or None unless it is https at one of ``PUSH_HOSTS``, without anything odd."""
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint or "\\" in endpoint:
        return None
    try:
        # What sends reads it too, so that both mean the same host.
        url = httpx.URL(endpoint)
    except httpx.InvalidURL:
        return None
    if "@" in endpoint.partition("//")[2].partition("/")[0] or "#" in endpoint or not url.host:
        return None
    if url.scheme == "http":
        is_named = f"http://{url.host}:{url.port}" in settings.PUSH_HOSTS and _is_loopback(url.host)
        return Target(endpoint, is_own_machine=True) if is_named else None
    is_named = any(_names(one, url.host) for one in settings.PUSH_HOSTS)
    if url.scheme == "https" and url.port in (None, _HTTPS_PORT) and is_named:
        return Target(endpoint, is_own_machine=False)
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
