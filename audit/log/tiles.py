"""The stored tree: tiles of 256 hashes, of which only the last of each level ever changes.

Hash i of tile (level, index) is the root of the 256^level leaves that begin at leaf (index * 256 + i) * 256^level.
Perfect subtrees in between are made from the hashes of one tile.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.log.errors import LogBroken
from audit.models import Log, Tile
from audit.statements import merkle

WIDTH = 256
_HEIGHT = 8
# Of one reader: proofs and roots come by the same few tiles, a scan by each once.
_KEPT = 64


class Tiles:
    """The tree of ``log``. ``read`` is a ``merkle.Reader``; it raises ``LogBroken`` for what is not stored."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._found: dict[tuple[int, int], bytes] = {}

    def read(self, level: int, index: int) -> bytes:
        tile_level, inside = divmod(level, _HEIGHT)
        tile, place = divmod(index << inside, WIDTH)
        size = merkle.HASH_BYTES
        hashes = self._tile(tile_level, tile)[place * size : (place + (1 << inside)) * size]
        if len(hashes) != size << inside:
            raise LogBroken(self._log.origin, f"Tile {tile_level}/{tile} of its tree is missing, or not whole.")
        return merkle.root_of(_apart(hashes))

    def extend(self, size: int, leaves: Sequence[bytes]) -> None:
        """Append the leaf hashes to the tree, which has ``size`` leaves. Call under the lock of the log."""
        level, added = 0, list(leaves)
        while added:
            added = self._append(level, size, added)
            level, size = level + 1, size // WIDTH

    def _append(self, level: int, size: int, added: list[bytes]) -> list[bytes]:
        """Return the roots of the tiles that are full now."""
        index, filled = divmod(size, WIDTH)
        hashes = (_apart(self._tile(level, index)) if filled else []) + added
        full = []
        for start in range(0, len(hashes), WIDTH):
            part = hashes[start : start + WIDTH]
            self._store(level, index + start // WIDTH, b"".join(part))
            if len(part) == WIDTH:
                full.append(merkle.root_of(part))
        return full

    def _store(self, level: int, index: int, hashes: bytes) -> None:
        Tile.objects.update_or_create(log=self._log, level=level, index=index, defaults={"hashes": hashes})
        self._found[level, index] = hashes

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._found:
            if len(self._found) >= _KEPT:
                self._found.clear()
            row = Tile.objects.filter(log=self._log, level=level, index=index).values_list("hashes", flat=True).first()
            self._found[level, index] = b"" if row is None else bytes(row)
        return self._found[level, index]


def _apart(hashes: bytes) -> list[bytes]:
    return [hashes[start : start + merkle.HASH_BYTES] for start in range(0, len(hashes), merkle.HASH_BYTES)]
