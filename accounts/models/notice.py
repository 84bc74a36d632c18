"""What a person must be told, until they have said that they saw it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Notice(models.Model):
    """A sentence for one person, on every page until they dismiss it. Written by the service, never by an agent."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    title = models.CharField(max_length=200)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    dismissed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["person"], name="notices_to_show", condition=models.Q(dismissed_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.title} for {self.person_id}"
