"""Reading the logs: checkpoints to keep elsewhere, and proofs. Each costs a few tiles, whatever the log's size."""

from __future__ import annotations

from dataclasses import dataclass

from audit.keys.contracts import Purpose
from audit.keys.queries import service_public_key
from audit.log.errors import NotInLog
from audit.log.tiles import Tiles
from audit.models import Leaf, LedgerEntry, Log, LogCheckpoint
from audit.statements import merkle
from audit.statements.notes import verifier_key


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an entry is leaf ``position`` of the log ``origin``, under the checkpoint ``note``."""

    origin: str
    position: int
    size: int
    proof: tuple[bytes, ...]
    note: str


def newest_checkpoint(namespace: str) -> str:
    """Return the newest signed checkpoint of a namespace's log. Raises ``LogCheckpoint.DoesNotExist``."""
    return LogCheckpoint.objects.filter(log__namespace=namespace).latest("size").note


def verifier_key_of(namespace: str) -> str:
    """Return the key of a namespace's log in the form of other tools. Raises ``Log.DoesNotExist``."""
    return verifier_key(Log.objects.get(namespace=namespace).origin, service_public_key(Purpose.LEDGER))


def newest_checkpoints() -> dict[str, str]:
    """Return the newest signed checkpoint of every log that has one, by namespace."""
    found = {}
    for log in Log.objects.order_by("namespace"):
        newest = log.checkpoints.order_by("-size").first()
        if newest is not None:
            found[log.namespace] = newest.note
    return found


def inclusion_of(entry: LedgerEntry) -> Inclusion:
    """Return the proof that ``entry`` is under the newest checkpoint of its log. Raises ``NotInLog``, ``LogBroken``."""
    leaf = Leaf.objects.select_related("log").filter(entry=entry).first()
    if leaf is None:
        raise NotInLog(f"Entry {entry.sequence} of {entry.chain_id} waits for its place in the log.")
    newest = LogCheckpoint.objects.filter(log=leaf.log).latest("size")
    proof = merkle.inclusion_proof(leaf.position, newest.size, Tiles(leaf.log).read)
    return Inclusion(leaf.log.origin, leaf.position, newest.size, tuple(proof), newest.note)


def first_inclusion_of(entry: LedgerEntry) -> Inclusion:
    """Return the proof that ``entry`` is under the oldest checkpoint that has it: the same one for good.

    Raises ``NotInLog``, ``LogBroken``.
    """
    leaf = Leaf.objects.select_related("log").filter(entry=entry).first()
    if leaf is None:
        raise NotInLog(f"Entry {entry.sequence} of {entry.chain_id} has no place in the log. Does a relay run?")
    oldest = LogCheckpoint.objects.filter(log=leaf.log, size__gt=leaf.position).order_by("size").first()
    if oldest is None:
        raise NotInLog(
            f"No checkpoint is over entry {entry.sequence} of {entry.chain_id}. See: manage.py verify_ledger"
        )
    proof = merkle.inclusion_proof(leaf.position, oldest.size, Tiles(leaf.log).read)
    return Inclusion(leaf.log.origin, leaf.position, oldest.size, tuple(proof), oldest.note)


def consistency_of(log: Log, first: int, second: int) -> list[bytes]:
    """Return the proof that ``log`` at ``second`` entries goes on from ``first``.

    Raises ``ValueError`` or ``LogBroken``.
    """
    return merkle.consistency_proof(first, second, Tiles(log).read)
