"""Filling an installation with incidents that are signed, sealed, in the logs and in the search's index.

They are written in large pieces instead of entry by entry. What they say is that of one incident, over and over, so
that its warrant is not the one that names the chain: the ledger checks, and no incident verifies offline.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from bench.evidence import made
from tests.audit.bundles import linked

AT_ONCE = 50
NAMESPACE = "default"
# So close that two hundred thousand entries are of a few months.
_MS_BETWEEN = 600_000


def record(first: int, last: int) -> int:
    """Append the incidents number ``first`` to ``last``, integrate and index them; return how many entries."""
    from audit.log.services import integrate
    from audit.search.indexing import index

    [story] = made(1)
    told = list(zip(story.statements, story.attachments, strict=True))
    entries = sum(
        _write(range(start, min(start + AT_ONCE, last + 1)), told) for start in range(first, last + 1, AT_ONCE)
    )
    integrate()
    index()
    return entries


def _write(numbers: range, told: list[Any]) -> int:
    from django.db import transaction

    from audit.models import Attachment, LedgerEntry, PendingLeaf

    with transaction.atomic():
        entries, attachments = [], []
        for entry, salted in _entries(numbers, told):
            entries.append(entry)
            attachments += [Attachment(entry=entry, name=name, salt=s, content=c) for name, (s, c) in salted.items()]
        LedgerEntry.objects.bulk_create(entries)
        Attachment.objects.bulk_create(attachments)
        PendingLeaf.objects.bulk_create([PendingLeaf(entry=entry) for entry in entries])
    return len(entries)


def _entries(numbers: range, told: list[Any]) -> Iterator[tuple[Any, dict[str, tuple[bytes, bytes]]]]:
    from audit.keys.services import ledger_key
    from audit.models import LedgerChain, LedgerEntry
    from audit.statements.entries import entry_hash

    begun, key = int(time.time() * 1000), ledger_key()
    for number in numbers:
        name, at_ms = f"tnu_wrt_{uuid.uuid4().hex}", begun - number * _MS_BETWEEN
        moved = [({**statement, "at": at_ms + place}, salted) for place, (statement, salted) in enumerate(told)]
        signed = linked(name, moved, key)
        chain = LedgerChain.objects.create(
            name=name,
            label=f"P{number}",
            namespace=NAMESPACE,
            size=len(signed),
            head=entry_hash(signed[-1][0].statement),
        )
        for sequence, (envelope, salted) in enumerate(signed, start=1):
            yield (
                LedgerEntry(
                    chain=chain,
                    sequence=sequence,
                    kind=envelope.facts["kind"],
                    at_ms=envelope.facts["at"],
                    envelope=envelope.to_bytes(),
                    entry_hash=entry_hash(envelope.statement),
                ),
                salted,
            )
