"""The service's own signing keys."""

from __future__ import annotations

from django.db import models


class ServiceKey(models.Model):
    """An Ed25519 key with which the service signs what it saw; never a person's key."""

    purpose = models.CharField(max_length=32, primary_key=True)
    public_key = models.BinaryField(max_length=32, unique=True)
    wrapped_private_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.purpose} key"


class PushKey(models.Model):
    """The P-256 key by which push services know this installation (VAPID, RFC 8292). It signs nothing else."""

    name = models.CharField(max_length=32, primary_key=True)
    public_key = models.BinaryField(max_length=65, unique=True)  # an uncompressed point
    wrapped_private_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} key"
