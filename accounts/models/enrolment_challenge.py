"""Challenges that a new key must sign, so that an enrolment cannot be prepared ahead or replayed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone


class EnrolmentChallenge(models.Model):
    """32 random bytes, good for one key of one person until ``expires_at``."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    challenge = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="challenge_is_32_bytes", condition=Exact(Length("challenge"), 32)),
        ]

    def __str__(self) -> str:
        return f"challenge for {self.person_id} until {self.expires_at:%H:%M:%S}"
