"""Taking away all that a search finds: counted first, recorded in the ledger, then sent piece by piece."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from django.db.models import QuerySet

from audit.custody import CustodyError
from audit.keys.contracts import ServiceKeyMissing
from audit.models import Export, IndexedEntry
from audit.population import exporting, reading
from audit.population.contracts import ExportState
from audit.population.counting import Tally
from audit.population.described import described
from audit.population.errors import BrokenOff, ExportError
from audit.population.exporting import Order
from audit.population.files import FILES
from audit.population.recording import record
from audit.sealing import SealingError
from audit.search.queries import matching
from audit.statements.population import Totals

_GONE = "Whoever downloaded it went away, or took nothing for too long."
_PATIENCE_SECONDS = 10
_BETWEEN_SECONDS = 0.2
_FAILED = "Something failed on the server; its log says what."


def begin(order: Order) -> Export:
    """Return the row of a new export, whose bytes ``steps`` makes.

    Raises ``ContentNotYours``, ``TooManyExports``, and ``ContentIsNotYours`` of the search.
    """
    exporting.require_content(order)
    _found(order)
    return exporting.open_row(order)


def steps(export: Export, order: Order) -> Generator[bytes]:
    """Yield the file's bytes as they are made, and nothing now and then, to say that it gets on.

    The population is what is in the logs now. Two passes: one counts it, one sends it; between them the ledger says
    what is taken. A file that is not whole lacks its last line, and the row says why. Raises ``BrokenOff``.
    """
    try:
        yield from _steps(export, order)
    except GeneratorExit:
        exporting.end(export, ExportState.BROKEN_OFF, _GONE)
        raise
    except ExportError as error:
        exporting.end(export, ExportState.BROKEN_OFF, error.sentence)
        raise
    except (SealingError, CustodyError, ServiceKeyMissing) as error:
        exporting.end(export, ExportState.BROKEN_OFF, str(error))
        raise BrokenOff(str(error)) from error
    except BaseException:
        exporting.end(export, ExportState.BROKEN_OFF, _FAILED)
        raise
    exporting.end(export, ExportState.COMPLETE)


def _steps(export: Export, order: Order) -> Generator[bytes]:
    extents = reading.extents(within=order.rights.within, namespace=order.search.namespace)
    yield from _catch_up(extents)
    found = _found(order).filter(reading.inside(extents))
    tally = Tally()
    for rows in reading.counted_rows(found):
        for row in rows:
            tally.add(
                at_ms=row["at_ms"],
                namespace=row["entry__chain__namespace"],
                entry_hash=bytes(row["entry__entry_hash"]),
            )
        exporting.move(export, order)
        yield b""
    totals = tally.totals()
    claim = {
        "count": totals.count,
        "export": str(export.pk),
        "logs": [extent.as_json() for extent in extents],
        "periods": [period.as_json() for period in totals.periods],
        "root": totals.root.hex(),
    }
    record(export, order, tally, extents, claim)
    yield b""
    yield from _lines(export, order, found, totals, claim)


def _catch_up(extents: Sequence[reading.Extent]) -> Generator[bytes]:
    """Wait until the index has all that is in the logs: another process may be at it. Raises ``BrokenOff``."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not reading.is_indexed(extents):
        if time.monotonic() > give_up_at:
            raise BrokenOff("The search does not know all of the ledger yet. Ask again when it has caught up.")
        yield b""
        time.sleep(_BETWEEN_SECONDS)


def _lines(
    export: Export, order: Order, found: QuerySet[IndexedEntry], totals: Totals, claim: dict[str, Any]
) -> Generator[bytes]:
    file, sent = FILES[order.form], Tally()
    yield file.begin(claim, order.search.to_parameters())
    for piece in reading.entries(found):
        for taken in piece:
            entry = taken.entry
            sent.add(at_ms=entry.at_ms, namespace=entry.chain.namespace, entry_hash=bytes(entry.entry_hash))
        yield file.piece(described(taken, content=order.rights.content) for taken in piece)
        exporting.move(export, order, sent=sent.count)
    if sent.totals() != totals:
        raise BrokenOff("What the search finds changed while it was sent. Ask for the export anew.")
    yield file.end(claim)


def _found(order: Order) -> QuerySet[IndexedEntry]:
    within, content = order.rights.within, order.rights.content
    return matching(order.search, within=within, content=content, records=within)
