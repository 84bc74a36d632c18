"""Challenges that a passkey must sign, so that no answer can be prepared ahead, moved elsewhere or used twice."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone


class PasskeyChallenge(models.Model):
    """32 random bytes for one person, one session and one purpose, good once and until ``expires_at``.

    ``session`` is the SHA-256 of the session's key, in hex: the row is no way in.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=100)
    session = models.CharField(max_length=64)
    challenge = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    spent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="passkey_challenge_is_32_bytes", condition=Exact(Length("challenge"), 32)),
        ]

    def __str__(self) -> str:
        return f"passkey challenge for {self.person_id}, {self.purpose}"
