"""The transparency logs: every ledger entry is a leaf of one, in a place that never changes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.models.ledger import LedgerEntry


class Log(models.Model):
    """The log of a namespace, or, with none, of the installation's own chains. ``size`` leaves are in its tree.

    ``origin`` is its name in checkpoints, for good: it stays when the site's address changes.
    """

    namespace = models.CharField(max_length=255, unique=True, blank=True)
    origin = models.TextField()
    size = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.origin


class PendingLeaf(models.Model):
    """An entry that is not in a tree yet. Written with the entry, taken away by the integrator."""

    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, primary_key=True, related_name="pending_leaf")

    def __str__(self) -> str:
        return f"{self.entry}, waiting"


class Leaf(models.Model):
    """The place of an entry in its log. Positions count from 0."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="leaves")
    position = models.PositiveBigIntegerField()
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="leaf")

    class Meta:
        ordering = ["log_id", "position"]
        constraints = [models.UniqueConstraint(fields=["log", "position"], name="one_leaf_per_place_in_log")]

    def __str__(self) -> str:
        return f"{self.log} #{self.position}"


class Tile(models.Model):
    """Up to 256 hashes side by side, each the root of a perfect subtree of 256^level leaves; level 0: leaf hashes."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="tiles")
    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["log", "level", "index"], name="one_tile_per_place"),
            models.CheckConstraint(condition=Q(level__lt=8), name="tile_level_possible"),
        ]

    def __str__(self) -> str:
        return f"{self.log} {self.level}/{self.index}"


class LogCheckpoint(models.Model):
    """A signed checkpoint: ``note`` is the evidence; ``size`` only helps to find it."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="checkpoints")
    size = models.PositiveBigIntegerField()
    note = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["log_id", "size"]
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="one_checkpoint_per_size")]

    def __str__(self) -> str:
        return f"{self.log} at {self.size}"


class LogReader(models.Model):
    """How far ``name``, which takes the entries of a log in their order, has come: leaf ``position`` is its next."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="readers")
    name = models.CharField(max_length=64)
    position = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "name"], name="one_reader_of_a_name_per_log")]

    def __str__(self) -> str:
        return f"{self.name} at {self.position} of {self.log}"
