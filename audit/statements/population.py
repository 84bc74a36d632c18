"""What a bundle claims to hold: how many entries a search found, of which months, and the roots over them.

order  = by (at, chain, sequence): ms since 1970, the name's bytes in UTF-8, a number
month  = "2026-11", of "at" in UTC
root   = the Merkle tree's root (``audit.statements.merkle``) over the entry hashes in that order

Entries are added in any order. Of each is kept what decides its place, and its hash: about 150 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from audit.statements.merkle import HASH_BYTES, Frontier, leaf_hash

# The last millisecond of the year 9999.
LAST_MS = 253_402_300_799_999
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Period:
    """The entries of one ``month``, such as "2026-11"; ``root`` is 32 bytes."""

    month: str
    count: int
    root: bytes

    def as_json(self) -> dict[str, object]:
        return {"count": self.count, "period": self.month, "root": self.root.hex()}


@dataclass(frozen=True, slots=True)
class Totals:
    """All that was counted: ``periods`` oldest first, ``root`` (32 bytes) over all entries."""

    count: int
    periods: tuple[Period, ...]
    root: bytes


class Population:
    """Counts entries. Times must be before the year 10000: ``month_of`` raises ``ValueError`` for later ones."""

    def __init__(self) -> None:
        self._found: list[bytes] = []

    def add(self, *, at_ms: int, chain: str, sequence: int, entry_hash: bytes) -> None:
        """Count one entry. ``entry_hash`` is 32 bytes."""
        # Compares as (at, chain, sequence) does: no name has a zero byte.
        place = at_ms.to_bytes(_NUMBER_BYTES) + chain.encode() + b"\x00" + sequence.to_bytes(_NUMBER_BYTES)
        self._found.append(place + entry_hash)

    def absorb(self, others: Population) -> None:
        """Count the entries of ``others`` too."""
        self._found += others._found

    def totals(self) -> Totals:
        self._found.sort()
        whole, periods = Frontier(), []
        for month, entries in groupby(self._found, key=_month):
            period = Frontier()
            for leaf in _leaves(entries):
                period.append(leaf)
                whole.append(leaf)
            periods.append(Period(month, period.size, period.root()))
        return Totals(whole.size, tuple(periods), whole.root())


def month_of(at_ms: int) -> str:
    """Return the month of a time in UTC, as "2026-11". Raises ``ValueError`` after the year 9999."""
    return moment(at_ms).strftime("%Y-%m")


def moment(at_ms: int) -> datetime:
    """Return a time, given in ms since 1970, to the second. Raises ``ValueError`` after the year 9999."""
    if at_ms > LAST_MS:
        raise ValueError("The entry's time is after the year 9999.")
    return datetime.fromtimestamp(at_ms // 1000, tz=UTC)


def _month(found: bytes) -> str:
    return month_of(int.from_bytes(found[:_NUMBER_BYTES]))


def _leaves(entries: Iterator[bytes]) -> Iterator[bytes]:
    return (leaf_hash(found[-HASH_BYTES:]) for found in entries)
