"""The stream of entries to where an organisation gathers its events."""

from __future__ import annotations

from django.db import models

from audit.models.logs import Log


class EntryStream(models.Model):
    """How the stream of one log fares. Where it is, its ``LogReader`` says.

    ``holder`` is the process that sends until ``leased_until``; nobody sends before ``retry_at``. ``failures`` are
    those since the last success, ``failing_since`` the first of them, ``error`` the last one's sentence.
    """

    log = models.OneToOneField(Log, on_delete=models.PROTECT, primary_key=True, related_name="stream")
    holder = models.CharField(max_length=64, blank=True)
    leased_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"stream of {self.log}"
