"""Workflow runs that have reported their end."""

from __future__ import annotations

from django.db import models


class ClosedRun(models.Model):
    """A run whose end is in the ledger. ``address`` is the SHA-256 of namespace, workflow id and run id, in hex."""

    address = models.CharField(primary_key=True, max_length=64)
    chain = models.CharField(max_length=64)
    status = models.CharField(max_length=40)
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"run {self.address[:8]} {self.status}"
