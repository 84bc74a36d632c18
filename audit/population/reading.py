"""Reading a population: a part of the ledger that no longer moves, piece by piece.

Every piece is a query of its own, which begins where the one before ended: no cursor, no transaction and no
connection is kept between two pieces, however long the client takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from audit.access import Reach
from audit.models import Attachment, IndexedEntry, LedgerEntry, Log, LogReader
from audit.search.indexing import index
from audit.search.queries import READER

PIECE = 200

T = TypeVar("T")
Place = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry, what the index knows of it, and what is stored beside it, by name."""

    indexed: IndexedEntry
    entry: LedgerEntry
    attachments: list[Attachment]


@dataclass(frozen=True, slots=True)
class Extent:
    """The first ``size`` entries of the log ``origin`` of a namespace."""

    log: int
    namespace: str
    origin: str
    size: int

    def as_json(self) -> dict[str, Any]:
        return {"origin": self.origin, "size": self.size}


def extents(*, within: Reach, namespace: str = "") -> list[Extent]:
    """Return how far the logs of the namespaces ``within``, or of the one, go now, by origin."""
    logs = Log.objects.all() if within.everywhere else Log.objects.filter(namespace__in=within.namespaces)
    if namespace:
        logs = logs.filter(namespace=namespace)
    found = logs.order_by("origin").values_list("pk", "namespace", "origin", "size")
    return [Extent(*columns) for columns in found]


def is_indexed(extents: Sequence[Extent]) -> bool:
    """Return whether searches find all that is in ``extents``; what is not in the index yet is put there first."""
    index()
    read = dict(LogReader.objects.filter(name=READER).values_list("log", "position"))
    return all(read.get(extent.log, 0) >= extent.size for extent in extents)


def inside(extents: Sequence[Extent]) -> Q:
    """Return the condition that an indexed entry is in ``extents``: what is appended later is not."""
    condition = Q(pk__in=())
    for extent in extents:
        condition |= Q(entry__leaf__log=extent.log, entry__leaf__position__lt=extent.size)
    return condition


def counted_rows(found: QuerySet[IndexedEntry]) -> Iterator[list[dict[str, Any]]]:
    """Yield what is counted of the entries, in the population's order: columns alone, no entry is opened."""
    columns: Any = found.values("at_ms", "place", "entry__chain__namespace", "entry__entry_hash")
    return _pieces(columns, lambda row: (row["at_ms"], bytes(row["place"])))


def entries(found: QuerySet[IndexedEntry]) -> Iterator[list[Taken]]:
    """Yield the entries with all that is known of them, in the population's order."""
    # Rows that know each other, as prefetched ones do, stay in memory until the collector of cycles comes by.
    for rows in _pieces(found, lambda row: (row.at_ms, bytes(row.place))):
        of_piece = LedgerEntry.objects.in_bulk([row.pk for row in rows])
        beside = defaultdict(list)
        for attachment in Attachment.objects.filter(entry__in=of_piece).order_by("name"):
            attachment.entry = of_piece[attachment.entry_id]
            beside[attachment.entry_id].append(attachment)
        yield [Taken(row, of_piece[row.pk], beside[row.pk]) for row in rows]


def _pieces(found: QuerySet[Any, T], place_of: Callable[[T], Place]) -> Iterator[list[T]]:
    ordered = found.order_by("at_ms", "place")
    rows = list(ordered[:PIECE])
    while rows:
        yield rows
        rows = list(ordered.filter(_after(*place_of(rows[-1])))[:PIECE])


def _after(at_ms: int, place: bytes) -> Q:
    # The first condition says nothing new, but an index can find it.
    return Q(at_ms__gte=at_ms) & (Q(at_ms__gt=at_ms) | Q(place__gt=place))
