"""What is done again and again by one process at a time, and what the checks of the ledger came to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Turn(models.Model):
    """Who does ``name`` now: ``holder``, until ``until`` if it says nothing before; else anybody from ``due_at`` on."""

    name = models.CharField(primary_key=True, max_length=32)
    due_at = models.DateTimeField()
    holder = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="turn_held_for_a_time",
                condition=Q(holder="", until__isnull=True) | (~Q(holder="") & Q(until__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LedgerCheck(models.Model):
    """One check of the whole ledger. ``entries`` were there when it began; ``done`` entries and leaves are looked at.

    ``findings`` are the first sentences of ``found``. ``failure``: why it ended before its end, or nothing.
    """

    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    entries = models.PositiveBigIntegerField()
    done = models.PositiveBigIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list)
    failure = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"check of {self.started_at:%Y-%m-%d %H:%M}"
