"""Checking chains: every entry is there, says what its row says, follows from the one before, and has a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef

from audit.custody import CustodyError
from audit.models import LedgerChain, LedgerEntry
from audit.sealing import SealingError
from audit.statements import statements
from audit.statements.entries import FIRST_PREVIOUS, attachment_digest, entry_hash

# With their attachments: a few megabytes at once.
CHUNK = 100
# Far longer than integrating takes: whoever waits so long waits for a relay that does not run, or was overlooked.
MERGE_DELAY = timedelta(minutes=5)


def check_chains(key: bytes, progress: Callable[[], None]) -> Iterator[str]:
    """Yield what is wrong with entries and their chains. ``key`` is the ledger's public key."""
    entries = (
        LedgerEntry.objects.select_related("chain", "leaf", "pending_leaf")
        .order_by("chain_id", "sequence")
        .prefetch_related("attachments")
        .iterator(chunk_size=CHUNK)
    )
    for _, of_chain in groupby(entries, key=lambda entry: entry.chain_id):
        yield from _chain(of_chain, key, progress)
    lost = LedgerChain.objects.filter(~Exists(LedgerEntry.objects.filter(chain=OuterRef("pk"))), size__gt=0)
    for chain in lost.order_by("name").iterator():
        yield f"{_entries(1, chain.size)} of {_named(chain)} {_are(1, chain.size)} missing: all it had."


def _chain(entries: Iterator[LedgerEntry], key: bytes, progress: Callable[[], None]) -> Iterator[str]:
    expected, previous = 1, FIRST_PREVIOUS
    for entry in entries:
        progress()
        chain, name = entry.chain, f"Entry {entry.sequence} of {_named(entry.chain)}"
        if entry.sequence != expected:
            last = entry.sequence - 1
            yield f"{_entries(expected, last)} of {_named(chain)} {_are(expected, last)} missing."
            previous = b""
        for fault in (*_statement_faults(entry, key, previous), *_place_faults(entry)):
            yield f"{name} {fault}"
        expected, previous = entry.sequence + 1, bytes(entry.entry_hash)
    if chain.size >= expected:
        end = _entries(expected, chain.size)
        yield f"{end} of {_named(chain)} {_are(expected, chain.size)} missing, at its end."
    elif chain.size < expected - 1:
        yield f"{_named(chain)} has {expected - 1} entries, and is said to have {chain.size}."
    elif bytes(chain.head) != previous:
        yield f"{_named(chain)} is said to end with another entry than entry {chain.size}."


def _statement_faults(entry: LedgerEntry, key: bytes, previous: bytes) -> Iterator[str]:
    """Yield what is wrong with what ``entry`` says. ``previous`` is the hash before it; empty if that is missing."""
    try:
        envelope = statements.parse(entry.envelope)
    except (SealingError, CustodyError, statements.MalformedStatement) as error:
        yield f"cannot be read. {error}"
        return
    if envelope.signer_key != key:
        yield "is signed with another key than the ledger's."
    try:
        envelope.verify(statements.Context.ENTRY)
    except statements.MalformedStatement:
        yield "was changed: its signature does not belong to what it says."
    if entry_hash(envelope.statement) != bytes(entry.entry_hash):
        yield "was changed: it says something else than its hash is over."
    facts = envelope.facts
    said = (facts.get("chain"), facts.get("sequence"), facts.get("kind"), facts.get("at"))
    if said != (entry.chain_id, entry.sequence, entry.kind, entry.at_ms):
        yield f"says that it is entry {said[1]} of {said[0]}, {said[2]}: its row says otherwise."
    if previous and facts.get("previous") != previous:
        yield "does not follow from the entry before it."
    yield from _attachment_faults(entry, facts.get("attachments"))


def _attachment_faults(entry: LedgerEntry, digests: Any) -> Iterator[str]:
    digests = dict(digests) if isinstance(digests, dict) else {}
    for attachment in entry.attachments.all():
        digest = digests.pop(attachment.name, None)
        if digest is None:
            yield f"has an attachment {attachment.name!r} that it does not name."
        elif attachment.erased_at is None:
            try:
                if attachment_digest(bytes(attachment.salt or b""), attachment.content or b"") != digest:
                    yield f"has another attachment {attachment.name!r} than it was signed with."
            except (SealingError, CustodyError) as error:
                yield f"has an attachment {attachment.name!r} that cannot be read. {error}"
    for name in digests:
        yield f"has lost its attachment {name!r}: it was not erased, its row is missing."


def _place_faults(entry: LedgerEntry) -> Iterator[str]:
    is_placed, is_waiting = hasattr(entry, "leaf"), hasattr(entry, "pending_leaf")
    if not is_placed and not is_waiting:
        yield "is in no log, and does not wait for its place."
    elif is_placed and is_waiting:
        yield "is in a log, and waits for its place nevertheless."
    elif is_waiting and datetime.fromtimestamp(entry.at_ms / 1000, tz=UTC) < datetime.now(UTC) - MERGE_DELAY:
        yield "has waited for its place in the log for more than five minutes. Does a relay run?"


def _named(chain: LedgerChain) -> str:
    return f"{chain.label} ({chain.name})" if chain.label else chain.name


def _entries(first: int, last: int) -> str:
    return f"Entry {first}" if first == last else f"Entries {first} to {last}"


def _are(first: int, last: int) -> str:
    return "is" if first == last else "are"
