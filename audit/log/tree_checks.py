"""Checking a log: its leaves against the stored tree, and the tree at every size that a checkpoint was signed over."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max

from audit.log.errors import LogBroken
from audit.log.tiles import WIDTH, Tiles
from audit.models import Leaf, Log
from audit.statements import merkle
from audit.statements.notes import Checkpoint, MalformedNote, open_checkpoint

CHUNK = 2000
_NO_HASH = b""


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint to compare with, stored or kept outside. ``fault``: what is wrong with itself."""

    size: int
    name: str
    checkpoint: Checkpoint | None
    fault: str = ""
    is_kept: bool = False


def check_tree(
    log: Log, key: bytes, kept: Iterable[tuple[str, Checkpoint]], progress: Callable[[], None]
) -> Iterator[str]:
    """Yield what is wrong with ``log``. ``kept`` are (name, checkpoint) from outside, of this log."""
    # Asked for before the size: what is appended meanwhile is not taken for too much.
    known = max(_none_is_0(log.checkpoints, "size"), _none_is_0(log.leaves, F("position") + 1))
    log.refresh_from_db()
    if known > log.size:
        yield f"The log {log.origin} is said to have {log.size} entries, and had {known}."
    outside = sorted((_Signed(one.size, name, one, is_kept=True) for name, one in kept), key=lambda one: one.size)
    signed = heapq.merge(_stored(log, max(known, log.size), key), outside, key=lambda one: one.size)
    yield from _Scan(log, signed, progress).run()


def _rows(rows: Any, column: str) -> Iterator[Any]:
    """Yield ``rows`` by ``column``, which no two have the same, in short queries."""
    chunk = list(rows.order_by(column)[:CHUNK])
    while chunk:
        yield from chunk
        last = chunk[-1][column] if isinstance(chunk[-1], dict) else getattr(chunk[-1], column)
        chunk = list(rows.filter(**{f"{column}__gt": last}).order_by(column)[:CHUNK]) if len(chunk) == CHUNK else []


def _none_is_0(rows: Any, column: Any) -> int:
    return int(rows.order_by().aggregate(largest=Max(column))["largest"] or 0)


def _stored(log: Log, upto: int, key: bytes) -> Iterator[_Signed]:
    for row in _rows(log.checkpoints.filter(size__lte=upto), "size"):
        name = f"its stored checkpoint of {row.size} entries"
        try:
            checkpoint = open_checkpoint(row.note.encode(), key)
        except MalformedNote as error:
            yield _Signed(row.size, name, None, f"does not verify: {error}")
            continue
        if (checkpoint.origin, checkpoint.size) == (log.origin, row.size):
            yield _Signed(row.size, name, checkpoint)
        else:
            yield _Signed(row.size, name, None, f"is one of {checkpoint.size} entries of {checkpoint.origin}")


class _Scan:
    """One pass over the leaves of a log."""

    def __init__(self, log: Log, signed: Iterator[_Signed], progress: Callable[[], None]) -> None:
        self._log, self._signed, self._progress = log, signed, progress
        self._tiles, self._frontier = Tiles(log), merkle.Frontier()
        self._next = next(signed, None)
        self._last_stored = 0
        # By whether they were kept outside: what is stored here agrees with whatever was written anew.
        self._agreed = {True: 0, False: 0}
        self._differs: set[bool] = set()

    def run(self) -> Iterator[str]:
        yield from self._compare()
        columns = ("position", "entry__entry_hash", "entry__chain_id", "entry__sequence")
        leaves = Leaf.objects.filter(log=self._log, position__lt=self._log.size).values(*columns)
        for leaf in _rows(leaves, "position"):
            self._progress()
            yield from self._gap(leaf["position"])
            name = f"Entry {leaf['entry__sequence']} of {leaf['entry__chain_id']}"
            yield from self._leaf(merkle.leaf_hash(bytes(leaf["entry__entry_hash"])), name)
        yield from self._gap(self._log.size)
        yield from self._end()

    def _gap(self, until: int) -> Iterator[str]:
        first = self._frontier.size
        if first == until:
            return
        which = f"Leaf {first}" if until - first == 1 else f"Leaves {first} to {until - 1}"
        yield f"{which} of the log {self._log.origin}: the entries are missing."
        while self._frontier.size < until:
            # As the tree has it, so that what comes after can be compared.
            yield from self._append(self._stored_hash(self._frontier.size) or bytes(merkle.HASH_BYTES))

    def _leaf(self, leaf: bytes, name: str) -> Iterator[str]:
        position = self._frontier.size
        stored = self._stored_hash(position)
        if stored != leaf:
            yield (
                f"{name} was changed, or stands in another's place: leaf {position} of the log {self._log.origin} "
                f"{'is another' if stored else 'is missing from the stored tree'}."
            )
        yield from self._append(leaf)

    def _append(self, leaf: bytes) -> Iterator[str]:
        self._frontier.append(leaf)
        yield from self._full_tiles()
        yield from self._compare()

    def _stored_hash(self, position: int) -> bytes:
        try:
            return self._tiles.read(0, position)
        except LogBroken:
            return _NO_HASH

    def _full_tiles(self) -> Iterator[str]:
        """Check what the stored tree says of every tile that is full now."""
        level, count = 0, self._frontier.size
        while count % WIDTH == 0:
            count //= WIDTH
            level += 8
            try:
                below = merkle.root_of([self._tiles.read(level - 8, (count - 1) * WIDTH + n) for n in range(WIDTH)])
                is_right = self._tiles.read(level, count - 1) == below
            except LogBroken:
                is_right = False
            if not is_right:
                yield f"The stored tree of the log {self._log.origin} is not one: node {level}/{count - 1} is wrong."

    def _compare(self) -> Iterator[str]:
        """Compare with every checkpoint of this size; say once where the log began to differ."""
        while self._next is not None and self._next.size <= self._frontier.size:
            one, self._next = self._next, next(self._signed, None)
            if one.checkpoint is None:
                yield f"The log {self._log.origin}: {one.name} {one.fault}."
                continue
            if not one.is_kept:
                self._last_stored = one.size
            if one.checkpoint.root == self._frontier.root():
                self._agreed[one.is_kept] = one.size
            elif one.is_kept not in self._differs:
                self._differs.add(one.is_kept)
                first, last = self._agreed[one.is_kept], one.size - 1
                yield (
                    f"The log {self._log.origin} is not what was signed: {one.name} is over other entries. "
                    f"From leaf {first} to leaf {last}, some were changed, removed or moved."
                )

    def _end(self) -> Iterator[str]:
        size = self._log.size
        if self._last_stored != size:
            yield f"The log {self._log.origin} has {size} entries, and no checkpoint of all of them."
        while self._next is not None:
            lost = self._next.size - size
            yield (
                f"The log {self._log.origin} was cut: {self._next.name} has {self._next.size} entries, {lost} more "
                "than there are now."
            )
            self._next = next(self._signed, None)
