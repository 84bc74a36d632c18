"""Warrants that somebody asked for, so that asking again mints no second one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from warrants.models.warrant import Warrant


class MintOrder(models.Model):
    """What ``requester`` asked for under ``idempotency_key``, as a SHA-256, and the warrant they got.

    ``requester`` is a person's external id, or "command line".
    """

    requester = models.CharField(max_length=320)
    idempotency_key = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    warrant = models.ForeignKey(Warrant, on_delete=models.PROTECT, related_name="orders")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["requester", "idempotency_key"], name="one_warrant_per_idempotency_key"),
            models.CheckConstraint(name="mint_order_digest_is_32_bytes", condition=Exact(Length("digest"), 32)),
            models.CheckConstraint(name="mint_order_has_a_key", condition=~Q(idempotency_key="")),
        ]

    def __str__(self) -> str:
        return f"{self.warrant_id} for {self.requester}"
