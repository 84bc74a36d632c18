"""What the scheduled checks of the ledger came to. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from audit.log import keeping
from audit.models import LedgerCheck

_SILENT = timedelta(minutes=2)
# A day, and how long a large ledger may take.
_OVERDUE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Checks:
    """``last``: the newest that came to its end. ``running``: one that goes on now; ``percent`` of it is done.

    ``failed``: why the newest came to none. ``is_overdue``: nobody knows whether the ledger is whole today.
    """

    last: LedgerCheck | None
    running: LedgerCheck | None
    percent: int
    failed: LedgerCheck | None
    is_overdue: bool
    keeps_outside: bool


def checks() -> Checks:
    now, newest = timezone.now(), LedgerCheck.objects.first()
    last = LedgerCheck.objects.filter(finished_at__isnull=False).first()
    is_over = newest is None or newest.finished_at is not None or bool(newest.failure)
    running = newest if not is_over and newest and newest.seen_at > now - _SILENT else None
    return Checks(
        last=last,
        running=running,
        percent=_percent(running),
        failed=newest if newest is not None and newest.finished_at is None and running is None else None,
        is_overdue=last is None or _ended(last) < now - _OVERDUE,
        keeps_outside=keeping.directory() is not None,
    )


def _percent(running: LedgerCheck | None) -> int:
    """Every entry is looked at twice: in its chain, and in its log."""
    return min(99, running.done * 50 // running.entries) if running and running.entries else 0


def _ended(check: LedgerCheck) -> datetime:
    return check.finished_at or check.started_at
