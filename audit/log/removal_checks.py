"""Checking what was taken out: only a signed record in the namespace's own chain of payloads vouches for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.custody import CustodyError
from audit.ledger.chains import Subject, namespace_chain
from audit.models import Attachment, EvidenceRemoval, LedgerChain, LedgerEntry
from audit.sealing import SealingError
from audit.statements import statements
from audit.statements.entries import entry_hash
from audit.statements.kinds import EntryKind
from audit.statements.removals import Index

_UNVOUCHED = "has lost what it says: no record says that it was removed."


@dataclass(slots=True)
class Removals:
    """The removals of ``chain`` that are vouched for, with (head, index) of each by how many entries it emptied."""

    chain: LedgerChain
    key: bytes
    _known: dict[int, tuple[Any, Any]] | None = None
    _index: Index = field(default_factory=Index)

    def faults_of(self, entry: LedgerEntry) -> Iterator[str]:
        """Yield what is wrong with an emptied ``entry``."""
        if entry.sequence > self.size:
            self._known = None  # it may have been removed since that was looked up
        if entry.sequence > self.size:
            yield _UNVOUCHED
        for attachment in entry.attachments.all():
            if attachment.erased_at is None:
                yield f"was removed, and still has its attachment {attachment.name!r}."

    def move(self, entry: LedgerEntry) -> Iterator[str]:
        """Go past ``entry``, emptied or not, in the chain's order; yield it if a record's last entry was another."""
        self._index.add(sequence=entry.sequence, kind=entry.kind, at_ms=entry.at_ms, entry_hash=bytes(entry.entry_hash))
        recorded = (self._known or {}).get(entry.sequence)
        if recorded is not None and recorded != (bytes(entry.entry_hash), self._index.value()):
            yield "ends what was removed, and the record of that is over other entries."

    def cut(self, last: int) -> Iterator[str]:
        """Yield it if more entries were removed than the chain has: ``last``."""
        if self._known and self.size > last:
            yield f"had {self.size} entries when it was removed under retention, and has {last}."

    @property
    def size(self) -> int:
        """How many entries may be empty, from the first on."""
        if self._known is None:
            self._known = dict(self._vouched())
        return max(self._known, default=0)

    def _vouched(self) -> Iterator[tuple[int, tuple[Any, Any]]]:
        for removal in EvidenceRemoval.objects.filter(chain=self.chain).select_related("record__chain"):
            details = signed_details(removal.record, EntryKind.RETENTION_APPLIED, self.chain.namespace, self.key)
            size = details.get("size")
            if details.get("chain") == self.chain.name and isinstance(size, int):
                yield size, (details.get("head"), details.get("index"))


def is_erasure(attachment: Attachment, entry: LedgerEntry, digest: bytes, key: bytes) -> bool:
    """Return whether a signed record says that ``attachment`` of ``entry``, of this digest, was erased."""
    if attachment.erasure is None:
        return False
    details = signed_details(attachment.erasure, EntryKind.PAYLOAD_ERASED, entry.chain.namespace, key)
    said = tuple(details.get(name) for name in ("chain", "sequence", "name", "digest"))
    return said == (entry.chain_id, entry.sequence, attachment.name, digest)


def signed_details(record: LedgerEntry, kind: EntryKind, namespace: str, key: bytes) -> dict[str, Any]:
    """Return what ``record`` says, if it is an entry of ``kind`` in the namespace's chain of payloads, else nothing."""
    chain = namespace_chain(Subject.PAYLOADS, namespace)
    try:
        envelope = statements.parse(record.envelope)
        envelope.verify(statements.Context.ENTRY)
    except (SealingError, CustodyError, statements.MalformedStatement):
        return {}
    facts = envelope.facts
    is_ours = envelope.signer_key == key and entry_hash(envelope.statement) == bytes(record.entry_hash)
    said, stored = (facts.get("chain"), facts.get("sequence")), (record.chain_id, record.sequence)
    is_it = (facts.get("chain"), facts.get("kind")) == (chain, kind) and said == stored
    details = facts.get("details")
    return details if is_ours and is_it and isinstance(details, dict) else {}
