"""A schedule of PagerDuty: its final schedule, with overrides, and the addresses of whoever is in it.

REST API v2, https://developer.pagerduty.com/api-reference: *Get a schedule* (``/schedules/{id}``, whose entries name
people by id) and *List users on call for a schedule* (``/schedules/{id}/users``, with their addresses). Neither is
paged. ``/oncalls`` knows only schedules that an escalation policy uses, and says nothing of one that does not exist.
"""

from __future__ import annotations

from datetime import datetime

from approvals.on_call.elsewhere.asking import json_of, listed, moment, text
from approvals.on_call.elsewhere.contracts import FetchedShift, Schedule


async def shifts(schedule: Schedule, begins: datetime, ends: datetime) -> list[FetchedShift]:
    """Return who is on call between ``begins`` and ``ends``, and more. Raises ``FetchFailed``."""
    headers = {
        "authorization": f"Token token={schedule.token}",
        "accept": "application/vnd.pagerduty+json;version=2",
    }
    path = f"/schedules/{schedule.id}"
    span = {"since": begins.isoformat(), "until": ends.isoformat()}
    found = await json_of(schedule, path, {"time_zone": "UTC", **span}, headers)
    entries = listed(found, "schedule", "final_schedule", "rendered_schedule_entries")
    users = listed(await json_of(schedule, f"{path}/users", span, headers), "users") if entries else []
    addresses = {text(user, "id"): text(user, "email") for user in users}
    return [
        FetchedShift(
            begins=moment(entry, "start"),
            ends=moment(entry, "end"),
            email=addresses.get(text(entry.get("user"), "id"), ""),
            name=text(entry.get("user"), "summary"),
        )
        for entry in entries
    ]
