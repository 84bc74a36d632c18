"""The public keys people sign with."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone

from accounts.keys.contracts import KeyStrength

MAXIMUM_NAME = 100


class ApproverKey(models.Model):
    """One browser's Ed25519 public key. The private key never leaves that browser.

    ``strength`` is what the key said of itself in ``proof``, the enrolment envelope that it signed.
    """

    # PROTECT: a key stays known for ever, so that nobody can enrol a key that was another person's.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approver_keys")
    public_key = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=MAXIMUM_NAME)
    strength = models.CharField(
        max_length=16, choices=[(item.value, item.value) for item in KeyStrength], default=KeyStrength.ORDINARY.value
    )
    enrolled_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    proof = models.BinaryField()

    class Meta:
        ordering = ["-enrolled_at", "-id"]
        constraints = [
            models.CheckConstraint(name="approver_key_is_32_bytes", condition=Exact(Length("public_key"), 32)),
            models.CheckConstraint(
                name="approver_key_strength_known", condition=Q(strength__in=[item.value for item in KeyStrength])
            ),
            models.CheckConstraint(name="approver_key_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.short})"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, 64 lower-case hexadecimal digits."""
        return hashlib.sha256(self.public_key).hexdigest()

    @property
    def short(self) -> str:
        """The fingerprint's first 8 digits, for people."""
        return self.fingerprint[:8]

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None
