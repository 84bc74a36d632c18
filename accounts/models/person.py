"""Who people are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

LOCAL_ISSUER = "local"


class Person(AbstractUser):
    """Somebody who can sign in. Deactivate a person who leaves: their keys and grants stay known."""

    display_name = models.CharField(max_length=200, blank=True)
    # Who vouches for this person, and their name there: an e-mail address may change its owner, this does not.
    issuer = models.CharField(max_length=200, default=LOCAL_ISSUER)
    subject = models.CharField(max_length=255, blank=True)

    # Moves when what this person may do changes, or one of their sessions is ended: open sockets look at it.
    access_changed_at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)

    REQUIRED_FIELDS = ["display_name"]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_person_per_identity")]

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Pages and records always have a name to show.
        self.display_name = self.display_name or self.username
        if self.issuer == LOCAL_ISSUER:
            self.subject = self.username
        super().save(*args, **kwargs)

    @property
    def external_id(self) -> str:
        """The identity that signatures and the ledger carry, as text: ``local:ada``.

        No issuer's address has a fragment, so ``issuer#subject`` is one identity and no other.
        """
        separator = ":" if self.issuer == LOCAL_ISSUER else "#"
        return f"{self.issuer}{separator}{self.subject}"

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name
