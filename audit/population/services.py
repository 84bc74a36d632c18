"""Taking away all that a search finds: counted first, recorded in the ledger, then sent piece by piece."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from django.db.models import QuerySet

from audit.export.earlier import Kept
from audit.export.errors import NotACheckpoint
from audit.export.services import UNWRITABLE
from audit.models import Export, IndexedEntry
from audit.population import bundles, exporting, reading
from audit.population.contracts import ExportForm, ExportState
from audit.population.counting import Tally
from audit.population.described import described
from audit.population.errors import BrokenOff, ExportError, InvalidExport
from audit.population.exporting import Order
from audit.population.files import FILES
from audit.population.recording import record
from audit.search.queries import gaps, matching
from audit.statements.population import Totals
from audit.statements.statements import MalformedStatement

_GONE = "Whoever downloaded it went away, or took nothing for too long."
_CHANGED = "What the search finds changed while it was sent. Ask for the export anew."
# What is known of every entry, also of one that does not open.
_ALWAYS_KNOWN = {"from", "incident", "kind", "namespace", "to"}
_PATIENCE_SECONDS = 10
_BETWEEN_SECONDS = 0.2
_FAILED = "Something failed on the server; its log says what."


def begin(order: Order) -> Export:
    """Return the row of a new export, whose bytes ``steps`` makes.

    Raises ``InvalidExport``, ``ContentNotYours``, ``TooManyExports``, and ``ContentIsNotYours`` of the search.
    """
    _require_checkpoints(order)
    exporting.require_content(order)
    _found(order)
    return exporting.open_row(order)


def _require_checkpoints(order: Order) -> None:
    if order.kept and order.form is not ExportForm.BUNDLE:
        raise InvalidExport("Only a bundle proves that the log goes on from a checkpoint.", field="checkpoint")
    try:
        for text in order.kept:
            Kept.of(text)
    except NotACheckpoint as error:
        raise InvalidExport(str(error), field="checkpoint") from error


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
    except (*UNWRITABLE, MalformedStatement) as error:
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
        "gaps": _gaps(order),
        "logs": [extent.as_json() for extent in extents],
        "periods": [period.as_json() for period in totals.periods],
        "root": totals.root.hex(),
    }
    record(export, order, tally, extents, claim)
    yield b""
    if order.form is ExportForm.BUNDLE:
        yield from _bundled(export, order, found, totals)
    else:
        yield from _rows(export, order, found, totals, claim)


def _gaps(order: Order) -> dict[str, int]:
    """Return how many entries in reach the search may have missed: they do not open, or have too many words."""
    if set(order.search.to_parameters()) <= _ALWAYS_KNOWN:
        return {"closed": 0, "cut": 0}
    found = gaps(within=order.rights.within, records=order.rights.within)
    return {"closed": found.closed, "cut": found.cut}


def _catch_up(extents: Sequence[reading.Extent]) -> Generator[bytes]:
    """Wait until the index has all that is in the logs: another process may be at it. Raises ``BrokenOff``."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not reading.is_indexed(extents):
        if time.monotonic() > give_up_at:
            raise BrokenOff("The search does not know all of the ledger yet. Ask again when it has caught up.")
        yield b""
        time.sleep(_BETWEEN_SECONDS)


def _rows(
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
        raise BrokenOff(_CHANGED)
    yield file.end(claim)


def _bundled(export: Export, order: Order, found: QuerySet[IndexedEntry], totals: Totals) -> Generator[bytes]:
    sent, last = 0, b""
    for piece, matches in bundles.pieces(found, totals, search=order.search.to_parameters(), kept=order.kept):
        yield last
        sent, last = sent + matches, piece
        exporting.move(export, order, sent=sent)
    # The last line says that the bundle is whole.
    if sent != totals.count:
        raise BrokenOff(_CHANGED)
    yield last


def _found(order: Order) -> QuerySet[IndexedEntry]:
    within, content = order.rights.within, order.rights.content
    return matching(order.search, within=within, content=content, records=within)
