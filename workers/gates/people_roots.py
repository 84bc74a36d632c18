"""Whom this worker believes about people's keys.

A people root is a public key known from outside, never from the server whose word is being checked. Pin it in the
worker's own configuration; it is printed by ``manage.py bootstrap_root``.
"""

from __future__ import annotations

from collections.abc import Iterable

from workers.gates.errors import UnsafeSettings


class PeopleRoots:
    """The pinned people roots, each a 32-byte Ed25519 public key. Without any, nobody's approval counts."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._keys = frozenset(keys)
        if any(len(key) != 32 for key in self._keys):
            raise UnsafeSettings("A people root is an Ed25519 public key of 32 bytes.")

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    @property
    def keys(self) -> frozenset[bytes]:
        return self._keys

    def pin_first(self, key: bytes) -> bool:
        """Pin ``key`` if none is pinned yet, for trials on one machine. Return whether it is the one pinned."""
        if not self._keys:
            self._keys = PeopleRoots([key])._keys
        return self._keys == {key}
