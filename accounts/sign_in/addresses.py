"""Addresses of other sites. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")


def is_loopback(address: str) -> bool:
    """Return whether ``address`` never leaves this machine."""
    return _parts(address)[1] in _LOOPBACK


def origin(address: str) -> str:
    """Return scheme, host and port of ``address``; nothing for what is no origin that a policy header can hold."""
    scheme, hostname, port = _parts(address)
    host = f"[{hostname}]" if ":" in hostname else hostname
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return ""
    return f"{scheme}://{host}{f':{port}' if port else ''}"


def _parts(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return "", "", None
