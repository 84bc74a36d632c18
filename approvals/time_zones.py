"""Time zones, as IANA names them and this machine knows them. Pure: no Django."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of all, in order. They are looked up once: that walks a folder of hundreds of files."""
    return tuple(sorted(available_timezones()))


def is_time_zone(name: str) -> bool:
    """Return whether this machine knows a time zone by that IANA name."""
    return name in time_zones()


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone, or None if this machine does not know it, such as one that was stored on another."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
