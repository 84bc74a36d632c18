"""Whoever keeps schedules, on loopback: PagerDuty, Opsgenie and calendars as they answer, for ``webhook_receiver``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.webhook_receiver import Sent, status

ID, TOKEN = "PI7DH85", "u+oWq8_pd7RbXx2"
SECRET_PATH = "/private/Xk29fJ3q/basic.ics"
Entry = tuple[datetime, datetime, str]  # of whoever has this e-mail address


def ok(body: bytes | str | dict[str, Any], *headers: str) -> bytes:
    data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    head = ["HTTP/1.1 200 OK", f"content-length: {len(data)}", *headers, "", ""]
    return "\r\n".join(head).encode() + data


def calendar(*events: str, head: str = "") -> bytes:
    """Return a calendar of ``events``, each its properties on lines of their own."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", *head.splitlines()]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def event(begins: str, ends: str, *more: str, uid: str = "1") -> str:
    return "\n".join([f"UID:{uid}", f"DTSTART{begins}", f"DTEND{ends}", *more])


def pagerduty(entries: Sequence[Entry]) -> Callable[[Sent], bytes]:
    """Answer as https://developer.pagerduty.com/api-reference says, to whoever has the token."""

    def speak(sent: Sent) -> bytes:
        asked = urlsplit(sent.path)
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        if sent.headers.get("authorization") != f"Token token={TOKEN}":
            return status(401)
        if sent.headers["accept"] != "application/vnd.pagerduty+json;version=2":
            return status(406)
        begins, ends = datetime.fromisoformat(query["since"]), datetime.fromisoformat(query["until"])
        found = [entry for entry in entries if entry[0] < ends and entry[1] > begins]
        if asked.path == f"/schedules/{ID}":
            rendered = [
                {
                    "start": max(one, begins).isoformat(),
                    "end": min(other, ends).isoformat(),
                    "user": {"id": _id(email), "type": "user_reference", "summary": _called(email)},
                }
                for one, other, email in found
            ]
            final = {"name": "Final Schedule", "rendered_schedule_entries": rendered}
            return ok({"schedule": {"id": ID, "type": "schedule", "time_zone": "UTC", "final_schedule": final}})
        if asked.path == f"/schedules/{ID}/users":
            users = [
                {"id": _id(email), "type": "user", "name": _called(email), "email": email}
                for email in dict.fromkeys(email for *_, email in found)
            ]
            return ok({"users": users})
        return status(404)

    return speak


def opsgenie(entries: Sequence[Entry]) -> Callable[[Sent], bytes]:
    """Answer as https://docs.opsgenie.com/docs/schedule-api says, to whoever has the key."""

    def speak(sent: Sent) -> bytes:
        asked = urlsplit(sent.path)
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        if sent.headers.get("authorization") != f"GenieKey {TOKEN}":
            return status(403)
        if asked.path != f"/v2/schedules/{ID}/timeline" or query["identifierType"] != "id":
            return status(404)
        assert (query["intervalUnit"], int(query["interval"])) == ("days", 35)
        datetime.fromisoformat(query["date"])
        periods = [
            {
                "startDate": _zulu(one),
                "endDate": _zulu(other),
                "type": "default",
                "recipient": {"id": _id(email), "type": "user", "name": email},
            }
            for one, other, email in entries
        ]
        rotations = [{"id": "r1", "name": "First", "order": 1.0, "periods": periods}, {"id": "r2", "name": "Empty"}]
        return ok({"data": {"finalTimeline": {"rotations": rotations}}, "took": 0.1, "requestId": "x"})

    return speak


def _id(email: str) -> str:
    return f"P{email.encode().hex()[:8].upper()}"


def _called(email: str) -> str:
    return email.partition("@")[0].title()


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
