"""Merkle trees as transparency logs have them (RFC 6962 section 2.1, RFC 9162 section 2.1). All hashes are 32 bytes.

leaf hash = SHA-256(00 || data)
node hash = SHA-256(01 || left || right)
root      = of n leaves: SHA-256() for none, the leaf hash for one, else node hash(root of the first k, root of the
            rest), where k is the largest power of two below n

Roots and proofs read perfect subtrees through a ``Reader``: logarithmically many of them, whatever the tree's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

# Returns the root of the perfect subtree of 2^level leaves that begins at leaf index * 2^level, as (level, index).
Reader = Callable[[int, int], bytes]


class ProofRefused(ValueError):
    """A proof does not show what it should; the message is a sentence for people."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows, and remembers no more than the roots of its perfect subtrees, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Append a leaf by its hash."""
        self._roots.append(leaf)
        full = self.size
        while full & 1:
            right, left = self._roots.pop(), self._roots.pop()
            self._roots.append(node_hash(left, right))
            full >>= 1
        self.size += 1

    def root(self) -> bytes:
        return _joined(self._roots)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree of these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def root(size: int, read: Reader) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return _range_root(0, size, read)


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """Return the proof that leaf ``index`` is in the tree of the first ``size``. Raises ``ValueError`` if it is not."""
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} among {size}.")
    start, end, proof = 0, size, []
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(first: int, second: int, read: Reader) -> list[bytes]:
    """Return the proof that the first ``first`` leaves of ``second`` are an earlier state of the same tree.

    Raises ``ValueError`` unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"Of {second} leaves there is no earlier tree of {first}.")
    start, end, is_whole, proof = 0, second, True, []
    while first < end:
        middle = _middle(start, end)
        if first <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start, is_whole = middle, False
    if not is_whole:
        proof.append(_range_root(start, end, read))
    return proof[::-1]


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ``ProofRefused`` unless ``leaf``, a leaf hash, is at ``index`` of the tree with ``size`` and ``root``."""
    if not 0 <= index < size:
        raise ProofRefused(f"There is no leaf {index} among {size}.")
    at, last, found = index, size - 1, leaf
    for one in _hashes(proof):
        if last == 0:
            raise ProofRefused("The proof of inclusion is longer than the tree is high.")
        if at & 1 or at == last:
            found = node_hash(one, found)
            at, last = _up_to_right(at, last)
        else:
            found = node_hash(found, one)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofRefused("The proof of inclusion is shorter than the tree is high.")
    if found != root:
        raise ProofRefused(f"The proof does not show that the entry is leaf {index} of this tree.")


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ``ProofRefused`` unless the tree ``second`` begins with the whole tree ``first``, which has a leaf."""
    if not 0 < first <= second:
        raise ProofRefused(f"A tree of {second} leaves does not go on from one of {first}.")
    if first == second:
        if proof or first_root != second_root:
            raise ProofRefused("The two trees are equally large, and not the same.")
        return
    path = _hashes(proof)
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        raise ProofRefused("The proof of consistency is empty.")
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    earlier = later = path[0]
    for one in path[1:]:
        if last == 0:
            raise ProofRefused("The proof of consistency is longer than the tree is high.")
        if at & 1 or at == last:
            earlier, later = node_hash(one, earlier), node_hash(one, later)
            at, last = _up_to_right(at, last)
        else:
            later = node_hash(later, one)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofRefused("The proof of consistency is shorter than the tree is high.")
    if earlier != first_root or later != second_root:
        raise ProofRefused(f"The proof does not show that the tree of {second} goes on from the tree of {first}.")


def _hashes(proof: Sequence[bytes]) -> list[bytes]:
    if any(len(one) != HASH_BYTES for one in proof):
        raise ProofRefused(f"A hash of the proof is not {HASH_BYTES} bytes long.")
    return list(proof)


def _up_to_right(at: int, last: int) -> tuple[int, int]:
    """Go up until the subtree is a right one, or the first."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _middle(start: int, end: int) -> int:
    """Return where these leaves are split: after the largest power of two below their number."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _range_root(start: int, end: int, read: Reader) -> bytes:
    """Return the root of the leaves from ``start`` to ``end``, a subtree that splitting leads to."""
    roots = []
    while start < end:
        level = (end - start).bit_length() - 1
        roots.append(read(level, start >> level))
        start += 1 << level
    return _joined(roots)


def _joined(roots: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees, largest first."""
    if not roots:
        return EMPTY_ROOT
    *others, joined = roots
    for one in reversed(others):
        joined = node_hash(one, joined)
    return joined
