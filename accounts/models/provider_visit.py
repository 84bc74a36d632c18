"""People who were sent to their provider to sign in again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class ProviderVisit(models.Model):
    """One way to the provider and back, for one person, one session and one purpose.

    What the provider says counts only if it comes from after ``started_at``. ``session`` as in ``PasskeyChallenge``.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=100)
    session = models.CharField(max_length=64)
    started_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    returned_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"visit of {self.person_id} to their provider, {self.purpose}"
