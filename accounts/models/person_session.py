"""The sessions people are signed in with."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

MAXIMUM_USER_AGENT = 300


class PersonSession(models.Model):
    """What is known of one session. It lives exactly as long as Django's own row, which is what signs somebody in."""

    session = models.OneToOneField("sessions.Session", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    user_agent = models.CharField(
        max_length=MAXIMUM_USER_AGENT, blank=True
    )  # as the browser says: never shown as it is
    begun_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-last_seen_at", "-id"]

    def __str__(self) -> str:
        return f"session {self.pk} of {self.person_id}"
