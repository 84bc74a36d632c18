"""Writing the ledger. Entries are only ever appended; attachments may be erased, entries never."""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.keys.services import ledger_key
from audit.ledger.errors import LedgerError, OutsideTransaction
from audit.ledger.signals import entry_appended
from audit.models import Attachment, LedgerChain, LedgerEntry, PendingLeaf
from audit.search.forgetting import forget_arguments
from audit.statements import statements
from audit.statements.cbor import MAXIMUM_BYTES
from audit.statements.entries import SALT_BYTES, attachment_digest, entry_hash
from audit.statements.kinds import EntryKind


def append(
    *,
    chain: str,
    kind: EntryKind,
    details: dict[str, Any],
    attachments: dict[str, bytes] | None = None,
    label: str = "",
    namespace: str = "",
) -> LedgerEntry:
    """Append a signed entry to ``chain``, which is made on first use, and return it.

    ``details`` must have a canonical form (see ``audit.statements.cbor``). ``label`` names a new chain for
    people; ``namespace`` says where it belongs, once: what is known already stays.

    Raises ``OutsideTransaction`` outside ``transaction.atomic``, ``MalformedBytes`` for details that have no
    canonical form and ``LedgerError`` for details that are too long.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    signing_key = ledger_key()
    locked = _lock(chain, label, namespace)
    salted = {name: (secrets.token_bytes(SALT_BYTES), content) for name, content in (attachments or {}).items()}
    sequence, at_ms = locked.size + 1, time.time_ns() // 1_000_000
    facts = {
        "at": at_ms,
        "attachments": {name: attachment_digest(salt, content) for name, (salt, content) in salted.items()},
        "chain": chain,
        "details": details,
        "kind": kind.value,
        "previous": bytes(locked.head),
        "sequence": sequence,
    }
    envelope = statements.sign(statements.Context.ENTRY, facts, signing_key)
    data = envelope.to_bytes()
    if len(data) > MAXIMUM_BYTES:
        raise LedgerError(f"An entry may have at most {MAXIMUM_BYTES} bytes; put long content into an attachment.")
    entry = LedgerEntry.objects.create(
        chain=locked,
        sequence=sequence,
        kind=kind,
        at_ms=at_ms,
        envelope=data,
        entry_hash=entry_hash(envelope.statement),
    )
    Attachment.objects.bulk_create(
        [Attachment(entry=entry, name=name, salt=salt, content=content) for name, (salt, content) in salted.items()]
    )
    PendingLeaf.objects.create(entry=entry)
    locked.size, locked.head = entry.sequence, entry.entry_hash
    locked.save(update_fields=["size", "head", "namespace"])
    entry_appended.send(sender=LedgerEntry, entry=entry)
    return entry


def erase_attachment(*, chain: str, sequence: int, name: str) -> None:
    """Erase what an entry has stored beside it; its digest stays in the chain, which keeps verifying.

    Raises ``LedgerError`` if there is no such attachment.
    """
    with transaction.atomic():
        erased = Attachment.objects.filter(
            entry__chain=chain, entry__sequence=sequence, name=name, erased_at=None
        ).update(content=None, salt=None, erased_at=timezone.now())
        forget_arguments(chain=chain, sequence=sequence)
    if not erased:
        raise LedgerError(f"Entry {sequence} of {chain} has no attachment {name!r} to erase.")


def _lock(chain: str, label: str, namespace: str) -> LedgerChain:
    rows = LedgerChain.objects.select_for_update()
    locked = rows.filter(name=chain).first()
    if locked is None:
        LedgerChain.objects.get_or_create(name=chain, defaults={"label": label})
        locked = rows.get(name=chain)
    locked.namespace = locked.namespace or namespace
    return locked
