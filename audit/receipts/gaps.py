"""Receipts that a worker numbered and the ledger never got: holes in the worker's sequence.

A worker's first receipt is number 1, and each process of a worker has a name of its own. What a process that was killed
had not handed over yet comes after all that is known of it, and leaves no hole: the call's result, without a receipt
before it, is what shows then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Max, Min, QuerySet, Window
from django.db.models.functions import Lag

from audit.models import RecordedReceipt

# Receipts of one worker go by two ways, and may overtake each other.
SETTLED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """The receipts ``first`` to ``last`` of ``worker``, which are missing."""

    worker: str
    first: int
    last: int

    @property
    def sentence(self) -> str:
        if self.first == self.last:
            return f"Receipt {self.first} of worker {self.worker} never came."
        return f"Receipts {self.first} to {self.last} of worker {self.worker} never came."


def all_gaps(*, settled: timedelta = SETTLED) -> Iterator[Gap]:
    """Yield every hole, by worker. One is only believed when what follows it was written ``settled`` ago."""
    yield from _holes(RecordedReceipt.objects.all(), 0, settled)


def gaps_beside(chain: str, *, settled: timedelta = SETTLED) -> list[Gap]:
    """Return the holes between, just before and just after the receipts of ``chain``: what is missing may be its."""
    found: list[Gap] = []
    of_chain = RecordedReceipt.objects.filter(entry__chain=chain).order_by("worker").values("worker")
    for worker in of_chain.annotate(first=Min("sequence"), last=Max("sequence")):
        receipts = RecordedReceipt.objects.filter(worker=worker["worker"])
        before = receipts.filter(sequence__lt=worker["first"]).aggregate(found=Max("sequence"))["found"] or 0
        after = receipts.filter(sequence__gt=worker["last"]).aggregate(found=Min("sequence"))["found"]
        within = receipts.filter(sequence__gt=before, sequence__lte=after or worker["last"])
        found += _holes(within, before, settled)
    return found


def _holes(receipts: QuerySet[RecordedReceipt], before: int, settled: timedelta) -> Iterator[Gap]:
    """Yield the holes in ``receipts``, of which each worker's first follows number ``before``."""
    until_ms = (time.time() - settled.total_seconds()) * 1000
    previous = Window(Lag("sequence", default=before), partition_by="worker", order_by="sequence")
    holes = receipts.annotate(previous=previous, at_ms=F("entry__at_ms")).filter(sequence__gt=F("previous") + 1)
    rows = holes.order_by("worker", "sequence").values_list("worker", "previous", "sequence", "at_ms")
    for worker, last_known, sequence, at_ms in rows.iterator():
        if at_ms <= until_ms:
            yield Gap(worker, last_known + 1, sequence - 1)
