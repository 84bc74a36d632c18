"""The append-only ledger: chains of signed entries, and what is stored beside them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.models.sealed import SealedBytes
from audit.statements.kinds import EntryKind


class LedgerChain(models.Model):
    """One chain of entries. ``name`` is the incident's root warrant id, or one of the service's own, such as "keys".

    ``namespace`` is the Temporal namespace of the incident, and decides who may read it; empty while unknown, and
    for the service's own chains.

    ``size`` and ``head`` (SHA-256 of the last entry's signed message) move with every append, under a row lock.
    """

    name = models.CharField(max_length=64, primary_key=True)
    label = models.CharField(max_length=200, blank=True, db_index=True)
    namespace = models.CharField(max_length=255, blank=True, db_index=True)
    size = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.label or self.name


class _WithChains(models.Manager["LedgerEntry"]):
    """Entries come with their chain: its namespace says whose ring opens them."""

    def get_queryset(self) -> models.QuerySet[LedgerEntry]:
        return super().get_queryset().select_related("chain")


class LedgerEntry(models.Model):
    """One signed entry. ``envelope`` is the evidence; the other columns only help to find it.

    It holds what agents and people said, and is sealed where its chain has a namespace.
    """

    chain = models.ForeignKey(LedgerChain, on_delete=models.PROTECT, related_name="entries")
    sequence = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=32, choices=[(kind.value, kind.value) for kind in EntryKind])
    at_ms = models.PositiveBigIntegerField()
    envelope = SealedBytes(namespace="chain.namespace", row=("chain_id", "sequence"), vouched=True)
    entry_hash = models.BinaryField(max_length=32, unique=True)

    objects = _WithChains()

    class Meta:
        ordering = ["chain_id", "sequence"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="one_entry_per_place_in_chain"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="entry_sequence_from_one"),
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in EntryKind]), name="entry_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.chain_id} #{self.sequence} {self.kind}"

    @property
    def is_emptied(self) -> bool:
        """Whether what it says was removed under retention. That takes no key: no entry says nothing."""
        return not self.__dict__["envelope"]


class Attachment(models.Model):
    """Content named by digest in an entry: SHA-256(salt || content). It is sealed like the entry.

    Erasing sets ``content`` to null. The salt goes too, so that nobody can confirm a guess of what was erased.
    ``erasure`` is where to find the signed entry that says who erased it and why, unless all of its entry was removed.
    """

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=64)
    salt = models.BinaryField(max_length=16, null=True)
    content = SealedBytes(
        namespace="entry.chain.namespace", row=("entry.chain_id", "entry.sequence", "name"), vouched=True, null=True
    )
    erased_at = models.DateTimeField(null=True)
    erasure = models.ForeignKey(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="erased")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "name"], name="one_attachment_per_name"),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True, content__isnull=False, salt__isnull=False)
                | Q(erased_at__isnull=False, content__isnull=True, salt__isnull=True),
                name="attachment_kept_or_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.entry}"


class RecordedWarrant(models.Model):
    """A warrant that an agent handed on, and that its incident's chain tells of. ``digest`` is its SHA-256."""

    digest = models.BinaryField(max_length=32, unique=True)
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="recorded_warrant")

    def __str__(self) -> str:
        return f"warrant of {self.entry}"


class RecordedReceipt(models.Model):
    """A worker's receipt that reached the ledger; a second delivery of the same one is refused by the constraints.

    ``digest`` is the receipt's SHA-256: ``worker`` and ``sequence`` come from outside and are not signed.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    worker = models.CharField(max_length=200)
    sequence = models.PositiveBigIntegerField()
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="recorded_receipt")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "sequence"], name="one_record_per_worker_sequence")]

    def __str__(self) -> str:
        return f"{self.worker} #{self.sequence}"
