"""What is kept of schedules that others keep: which is fetched next, and what came of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import OnCallRotation, OnCallSchedule, OnCallScheduleShift
from approvals.on_call.contracts import LOOKED_BACK
from approvals.on_call.elsewhere.contracts import FetchedShift, Trouble, joined, on_one_line
from approvals.on_call.elsewhere.fetching import Fetched

EVERY = timedelta(minutes=5)
AFTER_A_FAILURE = timedelta(minutes=1)
# Longer than a fetch takes: whoever died in one holds it up no longer.
LEASE = timedelta(minutes=2)
_MOST_DETAIL = 200


def claim(*, named: Collection[str], now: datetime) -> str | None:
    """Return which of the schedules ``named``, and used by a rotation, is to be fetched now; nobody else is told it.

    Several may call it at once. What no rotation uses any more is forgotten.
    """
    used = set(OnCallRotation.objects.exclude(schedule="").values_list("schedule", flat=True))
    known = dict(OnCallSchedule.objects.values_list("name", "due_at"))
    if known.keys() - used:
        OnCallSchedule.objects.filter(name__in=known.keys() - used).delete()
    wanted = used.intersection(named)
    if wanted - known.keys():
        new = [OnCallSchedule(name=name, due_at=now) for name in sorted(wanted - known.keys())]
        OnCallSchedule.objects.bulk_create(new, ignore_conflicts=True)
    due = sorted((known.get(name, now), name) for name in wanted if known.get(name, now) <= now)
    for _, name in due:
        # Whoever moves it on has it.
        if OnCallSchedule.objects.filter(name=name, due_at__lte=now).update(due_at=now + LEASE):
            return name
    return None


@transaction.atomic
def keep(*, name: str, fetched: Fetched, now: datetime) -> None:
    """Keep what came of fetching the schedule ``name``. After a failure what was known stays in force."""
    row = OnCallSchedule.objects.select_for_update().filter(name=name).first()
    if row is None:
        return
    if fetched.failed is not None:
        pause = max(AFTER_A_FAILURE, timedelta(seconds=fetched.failed.asked_seconds))
        row.due_at, row.failing_since = now + pause, row.failing_since or now
        row.trouble, row.detail = fetched.failed.trouble, on_one_line(fetched.failed.detail)[:_MOST_DETAIL]
    else:
        row.due_at, row.fetched_at, row.known_until = now + EVERY, now, fetched.known_until
        row.failing_since, row.trouble, row.detail = None, "", ""
        earlier = [
            FetchedShift(one.begins, one.ends, one.email, one.name)
            for one in row.shifts.filter(ends__gt=now - LOOKED_BACK)
        ]
        row.shifts.all().delete()
        OnCallScheduleShift.objects.bulk_create(
            OnCallScheduleShift(schedule=row, begins=one.begins, ends=one.ends, email=one.email, name=one.name)
            for one in joined(earlier, fetched.shifts, fetched.known_since)
        )
    row.save()


def fetch_soon(*, name: str, now: datetime) -> bool:
    """Let the schedule ``name`` be fetched next; False if its keeper wants to be left alone for now."""
    asked = OnCallSchedule.objects.filter(name=name)
    if asked.filter(trouble=Trouble.BUSY, due_at__gt=now).exists():
        return False
    asked.update(due_at=now)
    return True
