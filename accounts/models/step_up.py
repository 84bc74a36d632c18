"""That a person showed, just now, that it is really them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.step_up.contracts import Method


class StepUp(models.Model):
    """A fresh second factor of one person in one session, for one purpose, such as ``approval:<request id>``.

    ``at`` is when it was given, ``used_at`` when it was used up: it counts once. ``session`` as in
    ``PasskeyChallenge``.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="step_ups")
    purpose = models.CharField(max_length=100)
    session = models.CharField(max_length=64)
    method = models.CharField(max_length=16, choices=[(method.value, method.value) for method in Method])
    at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["person", "purpose"], name="step_up_unused", condition=Q(used_at__isnull=True)),
        ]
        constraints = [
            models.CheckConstraint(
                name="step_up_method_known", condition=Q(method__in=[method.value for method in Method])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} of {self.person_id} for {self.purpose}"
