"""Writing evidence: a file that verifies with everything else gone."""

from __future__ import annotations

import time
from collections.abc import Iterator

from audit.keys.contracts import Purpose
from audit.keys.queries import service_private_key
from audit.ledger.queries import entries
from audit.models import LedgerChain, LedgerEntry
from audit.statements import statements
from audit.statements.evidence import checkpoint_line, entry_line

_CHUNK = 200


def evidence_lines(*, chain: str) -> Iterator[bytes]:
    """Return the lines of the evidence file of ``chain``, newlines included, read as they are taken.

    The same chain gives the same bytes, apart from the checkpoint's time and signature. Entries appended
    meanwhile are left for the next export. Raises ``LedgerChain.DoesNotExist`` and ``ServiceKeyMissing``; taking a
    line raises ``SealingError`` or ``CustodyError`` if what it holds does not open.
    """
    row = LedgerChain.objects.get(name=chain)
    checkpoint = statements.sign(
        statements.Context.CHECKPOINT,
        {"at": time.time_ns() // 1_000_000, "chain": row.name, "head": bytes(row.head), "size": row.size},
        service_private_key(Purpose.LEDGER),
    )
    return _lines(row, checkpoint.to_bytes())


def _lines(row: LedgerChain, checkpoint: bytes) -> Iterator[bytes]:
    for entry in entries(row.name, upto=row.size).iterator(chunk_size=_CHUNK):
        yield _entry_line(entry)
    yield checkpoint_line(checkpoint)


def _entry_line(entry: LedgerEntry) -> bytes:
    attachments = {
        attachment.name: None
        if attachment.content is None or attachment.salt is None
        else (bytes(attachment.salt), attachment.content)
        for attachment in entry.attachments.all()
    }
    return entry_line(envelope=entry.envelope, kind=entry.kind, sequence=entry.sequence, attachments=attachments)
