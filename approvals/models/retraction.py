"""Approvals that their people took back."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from approvals.models.decision import Decision


class Retraction(models.Model):
    """A signed retraction of one approval, which has lapsed with it: its person may decide anew."""

    decision = models.OneToOneField(Decision, on_delete=models.CASCADE, related_name="retraction")
    public_key = models.BinaryField(max_length=32)
    signed = models.BinaryField()  # holds no words: hashes, ids and a time
    retracted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="retraction_key_is_32_bytes", condition=Exact(Length("public_key"), 32)),
        ]

    def __str__(self) -> str:
        return f"retraction of {self.decision}"
