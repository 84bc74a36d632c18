"""The keys that seal a namespace's payloads and its content at rest."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact


class RingKey(models.Model):
    """One key of a namespace's ring, wrapped. The newest one that is not retired seals; all others only open.

    A retired one is gone: its row stays, so that people learn why something does not open.
    """

    id = models.CharField(primary_key=True, max_length=64)
    namespace = models.CharField(max_length=255, db_index=True)
    number = models.PositiveIntegerField()
    wrapped_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["namespace", "number"]
        constraints = [
            models.UniqueConstraint(fields=["namespace", "number"], name="ring_key_numbered_once"),
            models.CheckConstraint(
                name="ring_key_kept_or_retired",
                condition=Q(retired_at__isnull=True) ^ Q(Exact(Length("wrapped_key"), 0)),
            ),
        ]

    def __str__(self) -> str:
        return self.id
