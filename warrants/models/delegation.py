"""Warrants that a person hands on to the agent with a key of their own."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from warrants.models.warrant import Warrant


class Delegation(models.Model):
    """Who hands ``warrant`` on to its agent, with which key; until they signed, the agent may do nothing under it.

    ``draft`` is the payload that waits for their signature, ``leaf`` what they signed: the agent's own warrant, a child
    of ``warrant``. ``person`` is an external id.
    """

    warrant = models.OneToOneField(Warrant, on_delete=models.PROTECT, primary_key=True, related_name="delegation")
    person = models.CharField(max_length=320)
    key = models.BinaryField(max_length=32)
    draft = models.BinaryField()
    leaf = models.BinaryField(null=True)
    expires_at = models.DateTimeField(null=True)
    signed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["warrant_id"]
        constraints = [
            models.CheckConstraint(name="delegation_key_is_32_bytes", condition=Exact(Length("key"), 32)),
            models.CheckConstraint(name="delegation_is_somebodys", condition=~Q(person="")),
            models.CheckConstraint(
                name="delegation_signed_whole_or_not_at_all",
                condition=Q(leaf=None, expires_at=None, signed_at=None)
                | Q(leaf__isnull=False, expires_at__isnull=False, signed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.warrant_id} by {self.person}"
