"""The keys that seal a namespace's payloads and its content at rest."""

from __future__ import annotations

from django.db import models


class RingKey(models.Model):
    """One key of a namespace's ring, wrapped. The newest one that is not retired seals; all others only open."""

    id = models.CharField(primary_key=True, max_length=64)
    namespace = models.CharField(max_length=255, db_index=True)
    number = models.PositiveIntegerField()
    wrapped_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["namespace", "number"]
        constraints = [models.UniqueConstraint(fields=["namespace", "number"], name="ring_key_numbered_once")]

    def __str__(self) -> str:
        return self.id
