"""Who people are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models

LOCAL_ISSUER = "local"


class Person(AbstractUser):
    """Somebody who can sign in. Deactivate a person who leaves: their keys and grants stay known."""

    display_name = models.CharField(max_length=200, blank=True)

    REQUIRED_FIELDS = ["display_name"]

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Pages and records always have a name to show.
        self.display_name = self.display_name or self.username
        super().save(*args, **kwargs)

    @property
    def issuer(self) -> str:
        """Who vouches for this person's identity."""
        return LOCAL_ISSUER

    @property
    def subject(self) -> str:
        """The person's name at ``issuer``; unique there."""
        return self.username

    @property
    def external_id(self) -> str:
        """The identity that signatures and the ledger carry, as text: ``local:ada``."""
        return f"{self.issuer}:{self.subject}"

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name
