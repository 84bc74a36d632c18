"""Fetching one schedule, whoever keeps it. No database, and nothing raised for what another side does."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from approvals.on_call.elsewhere import ical, opsgenie, pagerduty
from approvals.on_call.elsewhere.contracts import AHEAD, BEFORE, FetchedShift, FetchFailed, Kind, Schedule, tidy

logger = logging.getLogger(__name__)

_KINDS = {Kind.PAGERDUTY: pagerduty.shifts, Kind.OPSGENIE: opsgenie.shifts, Kind.ICAL: ical.shifts}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: the shifts that begin before ``known_until``, or why there are none."""

    known_until: datetime
    shifts: list[FetchedShift] = field(default_factory=list)
    failed: FetchFailed | None = None

    @property
    def known_since(self) -> datetime:
        return self.known_until - AHEAD


async def fetch(schedule: Schedule, now: datetime) -> Fetched:
    """Return who is on call in the coming weeks. Ends within a minute."""
    begins = (now - BEFORE).replace(microsecond=0)
    ends = begins + AHEAD
    try:
        return Fetched(ends, tidy(await _KINDS[schedule.kind](schedule, begins, ends), begins, ends))
    except FetchFailed as failed:
        logger.warning("The schedule %s was not fetched: %s.", schedule.name, failed.trouble)
        return Fetched(ends, failed=failed)
