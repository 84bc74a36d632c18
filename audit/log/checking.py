"""Checking the whole ledger: entries against their chains, chains against logs, logs against checkpoints.

Everything is read once, in order, in short queries as it is needed: it goes on while others write. A finding is a
sentence that names what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from audit.keys.contracts import Purpose, ServiceKeyMissing
from audit.keys.queries import service_public_key
from audit.log.chain_checks import check_chains
from audit.log.tree_checks import check_tree
from audit.models import LedgerEntry, Log
from audit.statements.notes import Checkpoint

# Told after each entry that was looked at.
Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that was kept outside. ``name`` says which one in findings."""

    name: str
    checkpoint: Checkpoint


def check(kept: Iterable[Kept], progress: Progress) -> Iterator[str]:
    """Yield what is wrong with the ledger. ``kept`` must be in the logs, whoever signed them."""
    kept = list(kept)
    try:
        key = service_public_key(Purpose.LEDGER)
    except ServiceKeyMissing:
        if kept or LedgerEntry.objects.exists() or Log.objects.exists():
            yield "The ledger's key is missing, so that no signature can be checked."
        return
    yield from check_chains(key, progress)
    yield from _check_logs(key, kept, progress)


def _check_logs(key: bytes, kept: list[Kept], progress: Progress) -> Iterator[str]:
    origins = set()
    for log in Log.objects.order_by("namespace"):
        origins.add(log.origin)
        of_log = [(one.name, one.checkpoint) for one in kept if one.checkpoint.origin == log.origin]
        yield from check_tree(log, key, of_log, progress)
    for one in kept:
        if one.checkpoint.origin not in origins:
            lost = one.checkpoint
            yield f"The whole log {lost.origin} is missing: {one.name} is over {lost.size} entries of it."
