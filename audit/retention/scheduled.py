"""Removing what is no longer kept by turns, once a day."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event

from django.utils import timezone

from audit.retention.applying import apply
from audit.upkeep import turns

logger = logging.getLogger(__name__)

TURN = "retention"
EVERY = timedelta(days=1)


def apply_if_due(stop: Event) -> int | None:
    """Remove what is no longer kept if it is this process's turn; return of how many incidents, or None.

    Once ``stop`` is set it ends after the incident it is at, and another process goes on.
    """
    holder = turns.take(TURN)
    if not holder:
        return None
    now, removed, due_at = timezone.now(), 0, timezone.now()
    try:
        for one in apply(now=now):
            removed += not one.refusal
            if one.refusal:
                logger.error("%s is past its time and stays. %s", one.name, one.refusal)
            turns.keep(TURN, holder)
            if stop.is_set():
                return removed
        due_at = now + EVERY
    except turns.TurnLost:
        return removed
    finally:
        turns.end(TURN, holder, due_at=due_at)
        if removed:
            logger.info("The content of %s incidents was removed at the end of its time.", removed)
    return removed
