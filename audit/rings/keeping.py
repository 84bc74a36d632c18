"""Rings at hand: their keys stay in memory, so that reading what is sealed asks the database next to never."""

from __future__ import annotations

import time
from functools import partial

from django.db import transaction

from audit.rings.queries import NoRing, ring_of
from audit.rings.services import ensure_ring
from audit.sealing import Ring, UnknownKey

# A rotation elsewhere is heard of after this long; what was sealed meanwhile opens with the older key.
SEALS_FOR_SECONDS = 30.0

_opening: dict[str, Ring] = {}
_sealing: dict[str, tuple[Ring, float]] = {}


def ring_to_seal(namespace: str) -> Ring:
    """Return the ring of ``namespace``, which is made if there is none. Raises ``CustodyError``."""
    ring, until = _sealing.get(namespace, (None, 0.0))
    if ring is not None and time.monotonic() < until:
        return ring
    try:
        ring = ring_of(namespace)
    except NoRing:
        ensure_ring(namespace=namespace)
        ring = ring_of(namespace)
    _opening[namespace] = ring
    # Only keys that are committed are remembered for sealing: with one that is rolled back, what it sealed is lost.
    transaction.on_commit(partial(_remember, ring))
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


def _remember(ring: Ring) -> None:
    _sealing[ring.namespace] = (ring, time.monotonic() + SEALS_FOR_SECONDS)
