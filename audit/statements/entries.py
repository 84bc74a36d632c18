"""The statement of a ledger entry, and the hashes that chain entries together.

statement  = {"at": ms since 1970, "attachments": {name: SHA-256(salt || content)}, "chain": text,
              "details": map, "kind": text, "previous": bytes 32, "sequence": from 1, "version": 1}
entry hash = SHA-256("countersign-entry-v1" 00 statement)
previous   = the entry hash before it in the chain; 32 zero bytes for the first
checkpoint = {"at", "chain", "head": the last entry hash, "size": number of entries, "version": 1}
"""

from __future__ import annotations

import hashlib

from audit.statements.statements import Context, message

FIRST_PREVIOUS = bytes(32)
SALT_BYTES = 16
ENTRY_FIELDS = {"at", "attachments", "chain", "details", "kind", "previous", "sequence", "version"}
CHECKPOINT_FIELDS = {"at", "chain", "head", "size", "version"}


def entry_hash(statement: bytes) -> bytes:
    """Return the 32-byte hash by which the next entry names this one."""
    return hashlib.sha256(message(Context.ENTRY, statement)).digest()


def attachment_digest(salt: bytes, content: bytes) -> bytes:
    """Return the 32-byte digest by which an entry names an attachment. ``salt`` is 16 random bytes."""
    return hashlib.sha256(salt + content).digest()
