"""A schedule of Opsgenie: its final timeline, with overrides and forwardings.

https://docs.opsgenie.com/docs/schedule-api, *Get Schedule Timeline*. A user's name is the address they sign in with.
A team or an escalation in a rotation has its people beside it (``flattenedRecipients``), or is shown by its own name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from approvals.on_call.elsewhere.asking import json_of, listed, moment, text
from approvals.on_call.elsewhere.contracts import FetchedShift, Schedule

_NOBODY = {"none", "noone"}


async def shifts(schedule: Schedule, begins: datetime, ends: datetime) -> list[FetchedShift]:
    """Return who is on call between ``begins`` and ``ends``, and more. Raises ``FetchFailed``."""
    query = {
        "identifierType": "id",
        "date": begins.isoformat(timespec="milliseconds"),
        "interval": str((ends - begins).days),
        "intervalUnit": "days",
    }
    headers = {"authorization": f"GenieKey {schedule.token}"}
    found = await json_of(schedule, f"/v2/schedules/{schedule.id}/timeline", query, headers)
    rotations = listed(found, "data", "finalTimeline", "rotations")
    return [one for rotation in rotations if "periods" in rotation for one in _of(listed(rotation, "periods"))]


def _of(periods: list[dict[str, Any]]) -> Iterator[FetchedShift]:
    for period in periods:
        people = period.get("flattenedRecipients") or [period.get("recipient")]
        for one in people if isinstance(people, list) else []:
            name = text(one, "name")
            if name and text(one, "type") not in _NOBODY:
                email = name if text(one, "type") == "user" else ""
                yield FetchedShift(moment(period, "startDate"), moment(period, "endDate"), email, name)
