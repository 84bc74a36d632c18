"""Approvals that a worker has used."""

from __future__ import annotations

from django.db import models


class SpentNonce(models.Model):
    """The nonce of an approval that let one dispatch (``owner``) run; no other dispatch may use it."""

    approver_key = models.BinaryField(max_length=32)
    nonce = models.BinaryField(max_length=16)
    owner = models.TextField()
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approver_key", "nonce"], name="nonce_spent_once")]

    def __str__(self) -> str:
        return f"nonce spent by {self.owner}"
