"""The public key from which everybody's endorsements lead."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone


class PeopleRoot(models.Model):
    """A people root. Its private key signed the first endorsements, and was forgotten with the command that made it."""

    public_key = models.BinaryField(max_length=32, unique=True)
    # Text, so that it stays true whatever becomes of the account.
    person = models.CharField(max_length=320)
    established_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="people_root_is_32_bytes", condition=Exact(Length("public_key"), 32)),
            # One of them counts. A constant, because no database finds two absent times equal.
            models.UniqueConstraint(
                models.Value(1), name="one_people_root_in_use", condition=Q(replaced_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"people root {self.fingerprint[:8]}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, 64 lower-case hexadecimal digits."""
        return hashlib.sha256(self.public_key).hexdigest()
