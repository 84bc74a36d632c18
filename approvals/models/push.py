"""The browsers that are told by push."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class PushSubscription(models.Model):
    """One browser of a person, as it named itself to its push service. Whoever knows ``endpoint`` can disturb it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.CharField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=87)  # the browser's P-256 point, base64url
    auth = models.CharField(max_length=22)  # 16 bytes, base64url
    browser = models.CharField(max_length=60)  # in words of ours
    created_at = models.DateTimeField()
    last_taken_at = models.DateTimeField(null=True, blank=True)  # when its push service last took a message

    def __str__(self) -> str:
        return f"{self.browser} of {self.person_id}"
