"""When somebody's quiet hours end. Pure: no Django."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from approvals.time_zones import zone_named


def quiet_until(now: datetime, begins: time, ends: time, time_zone: str) -> datetime | None:
    """Return when the quiet hours end that ``now`` is in, in the zone of ``now``; None if it is in none.

    The clock on the wall counts: on the day it is changed, quiet hours are an hour shorter or longer. Where the end
    does not exist that day it comes with the change; where it comes twice, the first that is after ``now`` counts.
    A time zone that this machine does not know has none: to tell somebody is safer than not to.
    """
    zone = zone_named(time_zone)
    if zone is None:
        return None
    local = now.astimezone(zone)
    wall = local.time()
    over_midnight = ends < begins
    is_quiet = (wall >= begins or wall < ends) if over_midnight else begins <= wall < ends
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and wall >= begins else local.date()
    found = (datetime.combine(day, ends, zone).replace(fold=fold).astimezone(now.tzinfo) for fold in (0, 1))
    return next((end for end in found if end > now), None)
