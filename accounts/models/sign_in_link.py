"""One-time sign-in links."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.utils import timezone


class SignInLink(models.Model):
    """A link that signs one person in, once. Only its token's hash is kept: the database holds no way in."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="token_hash_is_32_bytes", condition=Exact(Length("token_hash"), 32)),
        ]

    def __str__(self) -> str:
        return f"sign-in link for {self.person_id} until {self.expires_at:%H:%M:%S}"
