"""Turns: of any number of processes one does what is due. If it dies, another does when the lease ends."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from audit.models import Turn

LEASE = timedelta(minutes=2)
# After a first start, so that whoever tries something out is not in the way of it.
FIRST = timedelta(minutes=5)


class TurnLost(Exception):
    """Another process has taken over: this one was silent for longer than its lease."""


def take(name: str) -> str:
    """Return the holder's mark if it is this process's turn, else nothing."""
    now, holder = timezone.now(), secrets.token_hex(16)
    Turn.objects.get_or_create(name=name, defaults={"due_at": now + FIRST})
    free = Turn.objects.filter(Q(until=None) | Q(until__lt=now), name=name, due_at__lte=now)
    return holder if free.update(holder=holder, until=now + LEASE) else ""


def keep(name: str, holder: str) -> None:
    """Go on for another lease. Raises ``TurnLost``."""
    if not Turn.objects.filter(name=name, holder=holder).update(until=timezone.now() + LEASE):
        raise TurnLost


def end(name: str, holder: str, *, due_at: datetime) -> None:
    """Let it be due again at ``due_at``, for anybody. Of no effect for somebody whose turn was lost."""
    Turn.objects.filter(name=name, holder=holder).update(holder="", until=None, due_at=due_at)
