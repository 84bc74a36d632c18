"""Who somebody is in Slack."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SlackPerson(models.Model):
    """The account of a person, found by ``email``: an address that changes is looked for anew."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="slack")
    team_id = models.CharField(max_length=40)
    slack_id = models.CharField(max_length=40)
    email = models.CharField(max_length=254)

    class Meta:
        constraints = [
            # Nobody is told what is for somebody else.
            models.UniqueConstraint(fields=["team_id", "slack_id"], name="one_person_per_slack_account"),
        ]

    def __str__(self) -> str:
        return f"{self.slack_id} of {self.team_id}"
