"""The process that reads one calendar and ends: ``python -m approvals.on_call.elsewhere.ical_reader``. Pure.

Rules of others' calendars can be made to run for ever and to fill the memory, and nothing stops a thread. So this one
has limits of its own, no secrets, and no way to the database. It gets ``[begins, ends, time zone]`` as a line of JSON
and then the calendar, and answers with JSON: ``{"shifts": [[begins, ends, email, name], …]}``, or ``{"trouble": …,
"detail": …}``. Beyond its limits it is ended.

Who is on call is whoever an event invites (``ATTENDEE``), as PagerDuty's own calendars have it and Google's for
guests, but not rooms, groups and those who declined; else whose address stands in its title (``SUMMARY``). Whoever
planned it (``ORGANIZER``) is not meant. https://www.rfc-editor.org/rfc/rfc5545
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import unquote

import recurring_ical_events
from icalendar import Calendar, Event

from approvals.on_call.elsewhere.contracts import (
    MOST_NAME,
    FetchedShift,
    FetchFailed,
    Trouble,
    on_one_line,
    tidy,
)
from approvals.time_zones import zone_named

WORK_SECONDS = 10
MEMORY_BYTES = 1024 * 2**20
# Of the coming weeks, or that repeat.
MOST_EVENTS = 2000
_DAY = timedelta(days=1)
_BEGINNING = b"BEGIN:VCALENDAR"
_EVENT = re.compile(rb"^BEGIN:VEVENT[ \t]*\r?\n.*?^END:VEVENT[ \t]*\r?\n", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_REPEATS = re.compile(rb"^(RRULE|RDATE|EXDATE|RECURRENCE-ID)", re.MULTILINE | re.IGNORECASE)
_FROM = re.compile(rb"^DTSTART[^:\r\n]*:(\d{8})", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^DTEND[^:\r\n]*:(\d{8})", re.MULTILINE | re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+")
_NOBODY = {"RESOURCE", "ROOM", "GROUP"}
# Where an event keeps the name of a time zone that its time was not read with.
_LOST_ZONE = "X-COUNTERSIGN-LOST-ZONE"


def read(data: bytes, begins: datetime, ends: datetime, time_zone: str) -> list[FetchedShift]:
    """Return the shifts between ``begins`` and ``ends``. Raises ``FetchFailed``."""
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not data[: len(_BEGINNING)].upper() == _BEGINNING:
        raise _not_understood("no calendar begins there")
    data = _without_what_is_over(data, begins, ends)
    try:
        calendar = Calendar.from_ical(data)
        zone = _zone(str(calendar.get("X-WR-TIMEZONE", "")) or time_zone)
        events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
        _name_apart(events)
        _mark_lost_zones(events)
        found = recurring_ical_events.of(calendar).between(begins - _DAY, ends + _DAY)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, ArithmeticError) as error:
        # What the libraries make of what is not as it should be.
        raise _not_understood(f"it cannot be read ({type(error).__name__})") from error
    return tidy([one for event in found for one in _shifts(event, zone)], begins, ends)


def _without_what_is_over(data: bytes, begins: datetime, ends: datetime) -> bytes:
    """Leave out events that happen once, before or after: parsing them takes most of the time, and gives nothing."""
    first, last = f"{begins - 2 * _DAY:%Y%m%d}".encode(), f"{ends + 2 * _DAY:%Y%m%d}".encode()
    kept = 0

    def keep(match: re.Match[bytes]) -> bytes:
        nonlocal kept
        event = match[0]
        if not _REPEATS.search(event):
            since, until = _FROM.search(event), _TO.search(event)
            if (until and until[1] < first) or (since and since[1] > last):
                return b""
        kept += 1
        return event

    data = _EVENT.sub(keep, data)
    if kept > MOST_EVENTS:
        raise FetchFailed(Trouble.TOO_MANY, f"{MOST_EVENTS} events that repeat or are in these weeks")
    return data


def _name_apart(events: list[Event]) -> None:
    """Give events apart that have one UID by mistake; of those with different ``SEQUENCE`` the newest counts."""
    seen: set[tuple[str, int]] = set()
    for number, event in enumerate(events):
        name = (str(event.get("UID", number)), int(event.get("SEQUENCE", 0)))
        if "RECURRENCE-ID" not in event:
            if name in seen:
                event["UID"] = f"{name[0]}#{number}"
            seen.add(name)


def _mark_lost_zones(events: list[Event]) -> None:
    """Mark events whose time zone nobody knows: read as if they had none, they would be hours off."""
    for event in events:
        start = event.get("DTSTART")
        zone = start.params.get("TZID") if start is not None else None
        if zone and isinstance(start.dt, datetime) and start.dt.tzinfo is None:
            event.add(_LOST_ZONE, str(zone))


def _shifts(event: Event, zone: tzinfo) -> Iterator[FetchedShift]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    if _LOST_ZONE in event:
        raise _not_understood(f"an event is in the time zone {_line(event[_LOST_ZONE])}, which is not known")
    begins, ends = _moment(event.start, zone), _moment(event.end, zone)
    for email, name in _people(event):
        yield FetchedShift(begins, ends, email, name)


def _moment(at: date, zone: tzinfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    """Return the zone of times that have none: as the calendar says (``X-WR-TIMEZONE``), else as the setting does."""
    zone = zone_named(name)
    if zone is None:
        raise _not_understood(f"it is in the time zone {_line(name)}, which is not known")
    return zone


def _people(event: Event) -> list[tuple[str, str]]:
    """Return address and name of whoever is on call; at least one pair, so that nobody is seen."""
    summary = _line(event.get("SUMMARY"))
    invited = event.get("ATTENDEE", [])
    found = [_person(one, summary) for one in (invited if isinstance(invited, list) else [invited]) if _is_meant(one)]
    found = found or [(one.strip("."), summary) for one in _ADDRESS.findall(summary)]
    return found or [("", summary)]


def _is_meant(invited: Any) -> bool:
    said = getattr(invited, "params", {})
    return said.get("PARTSTAT", "").upper() != "DECLINED" and said.get("CUTYPE", "").upper() not in _NOBODY


def _person(invited: Any, summary: str) -> tuple[str, str]:
    address = unquote(str(invited)).strip()
    if address[:7].lower() == "mailto:":
        address = address[7:].strip()
    name = _line(getattr(invited, "params", {}).get("CN")) or summary or _line(address)
    return (address if _ADDRESS.fullmatch(address) else "", name)


def _line(value: Any) -> str:
    return on_one_line(str(value or ""))[:MOST_NAME]


def _not_understood(detail: str) -> FetchFailed:
    return FetchFailed(Trouble.NOT_UNDERSTOOD, detail)


def main() -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (WORK_SECONDS, WORK_SECONDS))
    with suppress(ValueError, OSError):  # not every system can
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    begins, ends, time_zone = json.loads(sys.stdin.buffer.readline())
    try:
        found = read(sys.stdin.buffer.read(), datetime.fromisoformat(begins), datetime.fromisoformat(ends), time_zone)
        answer: dict[str, Any] = {
            "shifts": [[one.begins.isoformat(), one.ends.isoformat(), one.email, one.name] for one in found]
        }
    except FetchFailed as failed:
        answer = {"trouble": failed.trouble, "detail": failed.detail}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
