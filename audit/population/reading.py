"""Reading a population: a part of the ledger that no longer moves, piece by piece.

Every piece is a query of its own, which begins where the one before ended: no cursor, no transaction and no
connection is kept between two pieces, however long the client takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.db.models import Q, QuerySet

from audit.models import IndexedEntry, Log

PIECE = 500

T = TypeVar("T")
Place = tuple[int, bytes]


def until_now() -> Q:
    """Return the condition that an indexed entry has its place in a log by now: what is appended later has it not."""
    condition = Q(pk__in=())
    for log, size in Log.objects.values_list("pk", "size"):
        condition |= Q(entry__leaf__log=log, entry__leaf__position__lt=size)
    return condition


def counted_rows(found: QuerySet[IndexedEntry], *, piece: int = PIECE) -> Iterator[list[dict[str, Any]]]:
    """Yield what is counted of the entries, in the population's order: columns alone, no entry is opened."""
    columns = found.values("at_ms", "place", "entry__chain__namespace", "entry__entry_hash")
    return _pieces(columns, lambda row: (row["at_ms"], bytes(row["place"])), piece)


def entries(found: QuerySet[IndexedEntry], *, piece: int = PIECE) -> Iterator[list[IndexedEntry]]:
    """Yield what is known of the entries, with them and their attachments, in the population's order."""
    whole = found.select_related("entry__chain").prefetch_related("entry__attachments")
    return _pieces(whole, lambda row: (row.at_ms, bytes(row.place)), piece)


def _pieces(found: QuerySet[Any, T], place_of: Callable[[T], Place], piece: int) -> Iterator[list[T]]:
    ordered = found.order_by("at_ms", "place")
    rows = list(ordered[:piece])
    while rows:
        yield rows
        rows = list(ordered.filter(_after(*place_of(rows[-1])))[:piece])


def _after(at_ms: int, place: bytes) -> Q:
    # The first condition says nothing new, but an index can find it.
    return Q(at_ms__gte=at_ms) & (Q(at_ms__gt=at_ms) | Q(place__gt=place))
