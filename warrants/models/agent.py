"""Who holds warrants."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact


class AgentIdentity(models.Model):
    """An agent and its Ed25519 holder key. ``name`` is the key id under which workers find the key."""

    name = models.CharField(max_length=64, unique=True)
    public_key = models.BinaryField(max_length=32, unique=True)
    wrapped_private_key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "agent identities"
        constraints = [
            models.CheckConstraint(name="agent_key_is_32_bytes", condition=Exact(Length("public_key"), 32)),
            models.CheckConstraint(name="agent_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key_id(self) -> str:
        return self.name
