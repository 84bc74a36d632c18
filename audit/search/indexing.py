"""Keeping the index: it follows the logs, and takes each entry once it has its place there.

Any number of processes may do it at once. Nothing that is written to the ledger waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from django.db import transaction

from audit.ledger.chains import is_service_chain
from audit.ledger.queries import UNREADABLE, details_of
from audit.log.reading import advance, next_entries, readers
from audit.models import (
    Attachment,
    IndexedEntry,
    IndexState,
    LedgerEntry,
    LogReader,
    SearchTerm,
)
from audit.search.facts import Facts, facts_of, terms_of
from audit.search.keys import ensure_key
from audit.search.queries import READER, place_of, waiting
from audit.search.tokens import token
from audit.statements.kinds import EntryKind

logger = logging.getLogger(__name__)

BATCH = 200
# More would let one call fill the database with its words; whole values come first.
MAXIMUM_TERMS = 2_000
_ARGUMENTS = "arguments"
_DECISIONS = (EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED)
# Columns that hold what an entry says, with their longest texts.
_PLAIN = {
    "tool": 200,
    "agent": 200,
    "person": 320,
    "by": 320,
    "key": 64,
    "by_key": 64,
    "request_id": 64,
    "workflow_id": 1000,
}


def index(*, batch: int = BATCH, told: Callable[[int], None] | None = None) -> int:
    """Take every entry that is in a log and not in the index; return how many. ``told`` hears of each batch.

    What another process is at is left to it. Raises ``CustodyError`` if the index's key does not open.
    """
    taken = 0
    if not waiting(placed_only=True):
        return taken
    for reader in readers(READER):
        while done := _index(reader, batch):
            taken += done
            if told is not None:
                told(taken)
    return taken


def rebuild(*, told: Callable[[int], None] | None = None) -> int:
    """Empty the index, and take everything anew. Searches find what is there again meanwhile."""
    with transaction.atomic():
        list(LogReader.objects.select_for_update().filter(name=READER))
        SearchTerm.objects.all()._raw_delete(SearchTerm.objects.db)
        IndexedEntry.objects.all()._raw_delete(IndexedEntry.objects.db)
        LogReader.objects.filter(name=READER).update(position=0)
    return index(told=told)


@transaction.atomic
def _index(reader: LogReader, batch: int) -> int:
    locked = LogReader.objects.select_for_update(skip_locked=True).filter(pk=reader.pk).first()
    if locked is None:
        return 0
    reader.position = locked.position
    _hold(reader, batch)
    entries = next_entries(reader, limit=batch)
    if not entries:
        return 0
    read = [_read(entry) for entry in entries]
    _complete(read)
    terms = _terms(read, ensure_key(reader.log.namespace))
    IndexedEntry.objects.bulk_create([row for row, _ in read])
    SearchTerm.objects.bulk_create(terms)
    advance(reader, len(entries))
    return len(entries)


def _hold(reader: LogReader, batch: int) -> None:
    """Let nobody remove or erase anything of the next entries meanwhile: it would be in the index for good."""
    until = reader.position + batch
    places = reader.log.leaves.filter(position__gte=reader.position, position__lt=until).values_list("entry", flat=True)
    keys = list(places)
    # Without their chains, which whatever is written meanwhile must be able to lock.
    entries = LedgerEntry.objects.select_related(None).filter(pk__in=keys).order_by("pk")
    list(entries.select_for_update(no_key=True).values_list("pk"))
    attachments = Attachment.objects.filter(entry__in=keys).order_by("pk")
    list(attachments.select_for_update(no_key=True).values_list("pk"))


def _read(entry: LedgerEntry) -> tuple[IndexedEntry, Facts]:
    """Return the index row of ``entry``, and what it says; nothing of one that does not open, or was removed."""
    state, facts = IndexState.CLOSED, Facts()
    try:
        if entry.envelope:
            facts = facts_of(entry.kind, details_of(entry), _arguments(entry))
            state = IndexState.CUT if facts.is_cut else IndexState.WHOLE
    except UNREADABLE as error:
        logger.warning("Entry %s is in the index without what it says. %s", entry, error)
    row = IndexedEntry(
        entry=entry,
        chain=entry.chain,
        place=place_of(entry.chain_id, entry.sequence),
        at_ms=entry.at_ms,
        kind=entry.kind,
        namespace=entry.chain.namespace,
        of_service=is_service_chain(entry.chain_id),
        state=state,
        **{name: getattr(facts, name)[:longest] for name, longest in _PLAIN.items()},
    )
    return row, facts


def _arguments(entry: LedgerEntry) -> bytes | None:
    return next((found.content for found in entry.attachments.all() if found.name == _ARGUMENTS), None)


def _complete(read: Sequence[tuple[IndexedEntry, Facts]]) -> None:
    """Give each row what its entry does not say itself: it is said in the request, or in the incident's first entry."""
    rows = [row for row, _ in read if not row.of_service]
    earlier = IndexedEntry.objects.filter(chain__in={row.chain_id for row in rows})
    agents = dict(earlier.filter(kind=EntryKind.WARRANT_MINTED).values_list("chain_id", "agent"))
    asked = IndexedEntry.objects.filter(
        kind=EntryKind.APPROVAL_REQUESTED, request_id__in={row.request_id for row in rows} - {""}
    )
    requests = {(row.chain_id, row.request_id): row for row in asked}
    for row in rows:
        if row.kind == EntryKind.WARRANT_MINTED:
            agents.setdefault(row.chain_id, row.agent)
        if row.kind == EntryKind.APPROVAL_REQUESTED:
            requests.setdefault((row.chain_id, row.request_id), row)
        row.agent = row.agent or agents.get(row.chain_id, "")
        request = requests.get((row.chain_id, row.request_id))
        if request is not None:
            row.tool, row.workflow_id = row.tool or request.tool, row.workflow_id or request.workflow_id
            row.waited_ms = max(0, row.at_ms - request.at_ms) if row.kind in _DECISIONS else None


def _terms(read: Iterable[tuple[IndexedEntry, Facts]], key: bytes) -> list[SearchTerm]:
    """Return the tokens of all words; rows that have more than are taken say so."""
    terms = []
    for row, facts in read:
        found: dict[int, int] = {}
        for source, name, word in terms_of(facts):
            found.setdefault(token(key, source, word, name=name), source)
            if len(found) > MAXIMUM_TERMS:
                found.popitem()
                row.state = IndexState.CUT
                break
        terms += [
            SearchTerm(entry_id=row.pk, token=number, at_ms=row.at_ms, source=source)
            for number, source in found.items()
        ]
    return terms
