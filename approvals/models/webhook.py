"""Receivers of webhooks that are gone."""

from __future__ import annotations

from django.db import models


class StoppedWebhook(models.Model):
    """That the receiver ``name`` has said it is gone, until it takes a test."""

    name = models.CharField(primary_key=True, max_length=40)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} since {self.since:%Y-%m-%d %H:%M}"
