"""What stays of a chain whose content was removed: one digest over it, in the signed record of the removal.

index = SHA-256 over, for each entry from the first on, canonical CBOR [at, entry hash, kind, sequence]

The hashes and their order are vouched for by the log's tree; kind and time, which are read from plain columns once the
statement is gone, by this alone.
"""

from __future__ import annotations

import hashlib

from audit.statements import cbor


class Index:
    """The index of the entries that were added, in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, *, sequence: int, kind: str, at_ms: int, entry_hash: bytes) -> None:
        self._digest.update(cbor.encode([at_ms, entry_hash, kind, sequence]))

    def value(self) -> bytes:
        """Return the 32 bytes of the index so far."""
        return self._digest.digest()
