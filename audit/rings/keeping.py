"""Rings at hand: their keys stay in memory, so that reading what is sealed asks the database next to never."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import connection, transaction

from audit.rings.queries import NoRing, ring_of
from audit.rings.services import ensure_ring
from audit.sealing import Ring, UnknownKey

# A rotation elsewhere is heard of after this long; what was sealed meanwhile opens with the older key.
SEALS_FOR_SECONDS = 30.0

_opening: dict[str, Ring] = {}
_sealing: dict[str, tuple[Ring, float]] = {}


def ring_to_seal(namespace: str) -> Ring:
    """Return the ring of ``namespace``, which is made if there is none. Raises ``CustodyError``."""
    kept, until = _sealing.get(namespace, (None, 0.0))
    if kept is not None and time.monotonic() < until:
        return kept
    read = _read_in_this_transaction(namespace)
    if read is not None:
        return read
    try:
        ring = ring_of(namespace)
    except NoRing:
        ensure_ring(namespace=namespace)
        ring = ring_of(namespace)
    _opening[namespace] = ring
    # Only keys that are committed are remembered for sealing: with one that is rolled back, what it sealed is lost.
    transaction.on_commit(_Remember(ring))
    return ring


def ring_to_open(namespace: str, key_id: str) -> Ring:
    """Return the ring of ``namespace`` with the key ``key_id`` in it. Raises ``UnknownKey`` and ``CustodyError``."""
    ring = _opening.get(namespace)
    if ring is None or key_id not in ring.keys:
        try:
            ring = _opening[namespace] = ring_of(namespace)
        except NoRing as error:
            raise UnknownKey(key_id=key_id, namespace=namespace) from error
    return ring


def forget() -> None:
    """Ask the database anew, for every ring."""
    _opening.clear()
    _sealing.clear()


@dataclass(frozen=True)
class _Remember:
    """What is done with a ring at the end of the transaction that read it, unless that is rolled back."""

    ring: Ring

    def __call__(self) -> None:
        _sealing[self.ring.namespace] = (self.ring, time.monotonic() + SEALS_FOR_SECONDS)


def _read_in_this_transaction(namespace: str) -> Ring | None:
    """Return the ring that waits to be remembered. A rollback, to a savepoint too, takes what waits away."""
    waiting = (function for _, function, *_ in connection.run_on_commit)
    rings = (found.ring for found in waiting if isinstance(found, _Remember))
    return next((ring for ring in rings if ring.namespace == namespace), None)
