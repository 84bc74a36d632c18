"""Bundles in the making: logs in memory, and lines put together as the service writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.statements import merkle, statements
from audit.statements.entries import FIRST_PREVIOUS, attachment_digest, entry_hash
from audit.statements.evidence import Earlier, Located, bundle_line, close_line, end_line
from audit.statements.notes import Checkpoint, sign_checkpoint
from audit.statements.population import Population
from audit.statements.statements import Envelope
from audit.verify.reading import End, Entry, read
from audit.verify.steps import Refused

ORIGIN = "countersign.example/ledger/default"
Salted = dict[str, tuple[bytes, bytes] | None]


@dataclass
class MemoryLog:
    """A log. ``leaves`` are leaf hashes; ``before`` of others stand there first."""

    origin: str = ORIGIN
    before: int = 5
    leaves: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(self.before):
            self.append(bytes([number]) * 32)

    def append(self, hashed: bytes) -> int:
        """Append an entry by its hash; return its position."""
        self.leaves.append(merkle.leaf_hash(hashed))
        return len(self.leaves) - 1

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        size = len(self.leaves) if size is None else size
        return Checkpoint(self.origin, size, merkle.root(size, self._read))

    def note(self, key: Ed25519PrivateKey, size: int | None = None) -> str:
        return sign_checkpoint(self.checkpoint(size), key)

    def located(self, position: int, key: Ed25519PrivateKey, size: int | None = None) -> Located:
        size = len(self.leaves) if size is None else size
        proof = merkle.inclusion_proof(position, size, self._read)
        return Located(self.origin, position, proof, self.note(key, size))

    def earlier(self, kept: str, note: str, sizes: tuple[int, int]) -> Earlier:
        """Return the proof between the checkpoints of ``sizes``: what is kept, and the note's."""
        first, second = sorted(sizes)
        proof = merkle.consistency_proof(first, second, self._read)
        return Earlier(kept, note, proof)

    def _read(self, level: int, index: int) -> bytes:
        return merkle.root_of(self.leaves[index << level : (index + 1) << level])


def linked(
    chain: str, entries: Iterable[tuple[dict[str, Any], Salted]], key: Ed25519PrivateKey
) -> list[tuple[Envelope, Salted]]:
    """Return ``entries`` ("at", "kind" and "details", and what is attached), signed and linked."""
    previous, signed = FIRST_PREVIOUS, []
    for sequence, (statement, salted) in enumerate(entries, start=1):
        facts = {
            "attachments": {name: attachment_digest(*pair) for name, pair in salted.items() if pair is not None},
            "chain": chain,
            "previous": previous,
            "sequence": sequence,
            **statement,
        }
        envelope = statements.sign(statements.Context.ENTRY, facts, key)
        previous = entry_hash(envelope.statement)
        signed.append((envelope, salted))
    return signed


def ended(chain: str, *, size: int, head: bytes, at: int, key: Ed25519PrivateKey, log: Located) -> bytes:
    """Return an end line. ``at`` is ms since 1970."""
    facts = {"at": at, "chain": chain, "head": head, "size": size}
    return end_line(statements.sign(statements.Context.CHECKPOINT, facts, key), log)


def bundled(about: Mapping[str, Any], lines: Iterable[bytes], *, earlier: Iterable[Earlier] = ()) -> list[bytes]:
    """Return the lines of a bundle that holds ``lines``, whatever is wrong with them, and counts them rightly."""
    lines = list(lines)
    population, chains, entries, records, is_open = Population(), 0, 0, 0, False
    for line in lines:
        try:
            item = read(0, line)
        except Refused:
            continue
        if not isinstance(item, Entry) or item.log is not None:
            records += isinstance(item, Entry)
            is_open = is_open and not isinstance(item, (End, Entry))
            continue
        chains, entries, is_open = chains + (not is_open), entries + 1, True
        if item.is_match:
            population.add(at_ms=item.at_ms, chain=item.chain, sequence=item.sequence, entry_hash=item.entry_hash)
    close = close_line(chains=chains, entries=entries, records=records, totals=population.totals(), earlier=earlier)
    return [bundle_line(about), *lines, close]
