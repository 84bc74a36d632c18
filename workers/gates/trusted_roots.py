"""Which issuers this worker believes, and how one root follows another while it runs.

A worker begins with the roots it is given. From then on it believes a signed set, and nothing else: neither the
database nor whoever hands it a set. See ``audit.statements.trusted_roots``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import tenuo_core
from tenuo.exceptions import TenuoError

from audit.statements.statements import MalformedStatement
from audit.statements.trusted_roots import parse_trusted_roots
from workers.gates.errors import UnsafeSettings


class RootsRefused(ValueError):
    """A set of trusted roots that must not be believed; the message says why."""


class TrustedRoots:
    """The roots believed now: ``keys``, each 32 bytes. ``number`` is that of their set, 0 for those given at start."""

    def __init__(self, keys: Sequence[bytes], number: int = 0) -> None:
        if not keys:
            raise UnsafeSettings("A worker needs at least one trusted root; trusted_roots is empty.")
        self._keys, self._number = frozenset(keys), number
        self._followers: list[Callable[[frozenset[bytes]], None]] = []

    @property
    def keys(self) -> frozenset[bytes]:
        return self._keys

    @property
    def number(self) -> int:
        return self._number

    def follow(self, follower: Callable[[frozenset[bytes]], None]) -> None:
        """Tell ``follower`` the keys now, and again whenever they change."""
        self._followers.append(follower)
        follower(self._keys)

    def apply(self, sets: Sequence[bytes]) -> bool:
        """Believe the last of ``sets`` and return True; return False if that one is believed already.

        They are gone through in their order, each on the word of a root of the one before, so that a worker that
        missed some comes to the last. Those that it had before, and those that it cannot believe, are passed over.
        Raises ``RootsRefused`` for a last one that is no set, that none of the roots believed by then signed, or that
        is older than what is believed.
        """
        keys, number, refused = self._keys, self._number, None
        for data in sets:
            try:
                keys, number = _next(keys, number, data)
                refused = None
            except RootsRefused as error:
                refused = error
        if number != self._number:
            self._keys, self._number = keys, number
            for follower in self._followers:
                follower(keys)
            if refused is None:
                return True
        if refused is not None:
            raise refused
        return False


def public_keys(roots: Iterable[bytes]) -> list[tenuo_core.PublicKey]:
    """Return 32-byte public keys as Tenuo's. Raises ``TenuoError`` for bytes that are no key."""
    return [tenuo_core.PublicKey.from_bytes(root) for root in sorted(roots)]


def _next(keys: frozenset[bytes], number: int, data: bytes) -> tuple[frozenset[bytes], int]:
    try:
        offered = parse_trusted_roots(data)
        public_keys(offered.roots)
    except (MalformedStatement, TenuoError) as error:
        raise RootsRefused(f"The set of trusted roots cannot be used. {error}") from error
    if offered.number < number:
        raise RootsRefused(f"The set of trusted roots has number {offered.number}, older than {number}.")
    if offered.signer_key not in keys:
        raise RootsRefused(f"The set {offered.number} of trusted roots is not signed by a root that is trusted here.")
    if offered.number == number and keys != frozenset(offered.roots):
        raise RootsRefused(f"The set {number} of trusted roots is another than the one that is trusted here.")
    return frozenset(offered.roots), offered.number
