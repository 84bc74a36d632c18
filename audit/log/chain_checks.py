"""Checking chains: every entry is there, says what its row says, follows from the one before, and has a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Exists, OuterRef, Q

from audit.custody import CustodyError
from audit.log.removal_checks import Removals, is_erasure
from audit.models import LedgerChain, LedgerEntry
from audit.sealing import SealingError
from audit.statements import statements
from audit.statements.entries import FIRST_PREVIOUS, attachment_digest, entry_hash

# With their attachments: a few megabytes at once. Short queries: no reader keeps the database from tidying up.
CHUNK = 100
# Far longer than integrating takes: whoever waits so long waits for a relay that does not run, or was overlooked.
MERGE_DELAY = timedelta(minutes=5)


def check_chains(key: bytes, progress: Callable[[], None]) -> Iterator[str]:
    """Yield what is wrong with entries and their chains. ``key`` is the ledger's public key."""
    for names in _batches():
        for _, of_chain in groupby(_in_order(names), key=lambda entry: entry.chain_id):
            yield from _chain(of_chain, key, progress)
    lost = LedgerChain.objects.filter(~Exists(LedgerEntry.objects.filter(chain=OuterRef("pk"))), size__gt=0)
    for chain in lost.order_by("name").iterator():
        yield f"{_entries(1, chain.size)} of {_named(chain)} {_are(1, chain.size)} missing: all it had."


def check_chain(name: str, key: bytes) -> Iterator[str]:
    """Yield what is wrong with the entries of one chain."""
    yield from _chain(_in_order([name]), key, lambda: None)


def _batches() -> Iterator[list[str]]:
    """Yield the names of all chains in order, some small ones together, a large one alone."""
    names: list[str] = []
    last, size = "", 0
    while rows := list(LedgerChain.objects.filter(name__gt=last).order_by("name").values_list("name", "size")[:CHUNK]):
        for name, entries in rows:
            if names and size + entries > CHUNK:
                yield names
                names, size = [], 0
            names.append(name)
            size += entries
        last = rows[-1][0]
    if names:
        yield names


def _in_order(names: list[str]) -> Iterator[LedgerEntry]:
    found = LedgerEntry.objects.filter(chain__in=names).order_by("chain_id", "sequence")
    found = found.select_related("chain", "leaf", "pending_leaf").prefetch_related("attachments__erasure__chain")
    chunk = list(found[:CHUNK])
    while chunk:
        yield from chunk
        last = chunk[-1]
        further = Q(chain=last.chain_id, sequence__gt=last.sequence)
        if len(names) > 1:
            further |= Q(chain__gt=last.chain_id)
        chunk = list(found.filter(further)[:CHUNK]) if len(chunk) == CHUNK else []


def _chain(entries: Iterator[LedgerEntry], key: bytes, progress: Callable[[], None]) -> Iterator[str]:
    expected, previous = 1, FIRST_PREVIOUS
    removals = None
    for entry in entries:
        progress()
        chain, name = entry.chain, f"Entry {entry.sequence} of {_named(entry.chain)}"
        removals = removals or Removals(chain, key)
        if entry.sequence != expected:
            last = entry.sequence - 1
            yield f"{_entries(expected, last)} of {_named(chain)} {_are(expected, last)} missing."
            previous = b""
        says = removals.faults_of(entry) if entry.is_emptied else _statement_faults(entry, key, previous, removals)
        for fault in (*says, *removals.move(entry), *_place_faults(entry)):
            yield f"{name} {fault}"
        expected, previous = entry.sequence + 1, bytes(entry.entry_hash)
    if removals is None:
        return
    for fault in removals.cut(expected - 1):
        yield f"{_named(chain)} {fault}"
    if chain.size >= expected:
        end = _entries(expected, chain.size)
        yield f"{end} of {_named(chain)} {_are(expected, chain.size)} missing, at its end."
    elif chain.size < expected - 1:
        yield f"{_named(chain)} has {expected - 1} entries, and is said to have {chain.size}."
    elif bytes(chain.head) != previous:
        yield f"{_named(chain)} is said to end with another entry than entry {chain.size}."


def _statement_faults(entry: LedgerEntry, key: bytes, previous: bytes, removals: Removals) -> Iterator[str]:
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
    yield from _attachment_faults(entry, facts.get("attachments"), key, removals)


def _attachment_faults(entry: LedgerEntry, digests: Any, key: bytes, removals: Removals) -> Iterator[str]:
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
        # Removed while it was looked at, or erased before.
        elif entry.sequence > removals.size and not is_erasure(attachment, entry, digest, key):
            yield f"has lost what its attachment {attachment.name!r} holds: no record says that it was erased."
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
