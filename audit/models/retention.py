"""What keeps an incident's evidence, and what says that it was taken out. Neither row is evidence itself."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.models.ledger import LedgerChain, LedgerEntry
from audit.models.sealed import SealedText


class EvidenceHold(models.Model):
    """Nothing of ``chain`` may be removed or erased until the hold is released. ``id`` is random hexadecimal."""

    id = models.CharField(primary_key=True, max_length=32)
    chain = models.ForeignKey(LedgerChain, on_delete=models.PROTECT, related_name="holds")
    reason = SealedText(namespace="chain.namespace", row=("pk",))
    held_at = models.DateTimeField()
    held_by = models.CharField(max_length=320)
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=320, blank=True)

    class Meta:
        ordering = ["held_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["chain"], name="one_hold_of_a_chain_at_a_time", condition=Q(released_at__isnull=True)
            ),
            models.CheckConstraint(
                name="hold_released_by_somebody",
                condition=Q(released_at__isnull=True, released_by="")
                | (Q(released_at__isnull=False) & ~Q(released_by="")),
            ),
        ]

    def __str__(self) -> str:
        return f"hold of {self.chain_id}"


class EvidenceRemoval(models.Model):
    """Where to find the signed entry ``record``, which says that the first ``size`` entries of ``chain`` were emptied.

    It only helps to find it: ``verify_ledger`` believes the entry alone.
    """

    chain = models.ForeignKey(LedgerChain, on_delete=models.PROTECT, related_name="removals")
    size = models.PositiveBigIntegerField()
    record = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField()

    class Meta:
        ordering = ["chain_id", "size"]
        constraints = [models.UniqueConstraint(fields=["chain", "size"], name="one_removal_of_a_size_per_chain")]

    def __str__(self) -> str:
        return f"{self.size} entries of {self.chain_id}, emptied"
