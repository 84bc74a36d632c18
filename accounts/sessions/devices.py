"""A browser's user agent in plain words. The header is whatever the client likes: only words of ours are shown."""

from __future__ import annotations

# The first that is found counts: Edge and Opera say that they are Chrome, and Chrome that it is Safari.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
    ("countersign", "Countersign’s command line"),
    ("python", "A program"),
    ("curl", "A program"),
)
_DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def describe(user_agent: str) -> str:
    """Return such as "Firefox on Windows", or "Unknown device"."""
    program = _first(_PROGRAMS, user_agent)
    device = _first(_DEVICES, user_agent)
    if program and device:
        return f"{program} on {device}"
    return program or (f"A browser on {device}" if device else "Unknown device")


def _first(words: tuple[tuple[str, str], ...], user_agent: str) -> str:
    lowered = user_agent.lower()
    return next((name for mark, name in words if mark.lower() in lowered), "")
