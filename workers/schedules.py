"""Schedules that this application keeps on a Temporal server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from temporalio.client import (
    Client,
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)


async def ensure(client: Client, name: str, schedule: Schedule, *, trigger_immediately: bool = False) -> None:
    """Make ``schedule``, or bring the intervals of the one that is there up to date.

    Doing it again, or in two places at once, is harmless. ``trigger_immediately``: a new one also starts at once.
    """
    try:
        await client.create_schedule(name, schedule, trigger_immediately=trigger_immediately)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(partial(_with_spec, schedule.spec))


def _with_spec(spec: ScheduleSpec, found: ScheduleUpdateInput) -> ScheduleUpdate | None:
    # An operator may have paused it; that stays.
    schedule = found.description.schedule
    if _times(schedule.spec.intervals) == _times(spec.intervals):
        return None
    schedule.spec = spec
    return ScheduleUpdate(schedule)


def _times(intervals: Sequence[ScheduleIntervalSpec]) -> list[tuple[timedelta, timedelta]]:
    # The server says no offset as none, or as zero.
    return [(one.every, one.offset or timedelta()) for one in intervals]
