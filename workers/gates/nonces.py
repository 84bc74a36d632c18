"""Single use: an approval runs one dispatch, and no other."""

from __future__ import annotations

import time
from typing import Protocol


class NonceStore(Protocol):
    """Remembers which dispatch spent an approval.

    ``consume`` returns True for the first ``owner`` of (``approver_key``, ``nonce``) and for the
    same owner again, so that a retry by Temporal passes; False for any other owner. It raises when
    it cannot know: the call is then refused and the approval stays unspent. ``expires_at`` (UTC
    seconds) says how long the answer matters.
    """

    async def consume(self, *, approver_key: bytes, nonce: bytes, owner: str, expires_at: int) -> bool: ...


class InMemoryNonceStore:
    """For a single worker process: what it remembers goes with the process.

    The binding to one run and request still holds after a restart; only a replay of the same
    request in the same run would not be noticed. Several workers need a store they share.
    """

    def __init__(self) -> None:
        self._owners: dict[tuple[bytes, bytes], tuple[str, int]] = {}
        self._swept_at = 0.0

    async def consume(self, *, approver_key: bytes, nonce: bytes, owner: str, expires_at: int) -> bool:
        self._sweep()
        first, _ = self._owners.setdefault((approver_key, nonce), (owner, expires_at))
        return first == owner

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept_at < 60:
            return
        self._swept_at = now
        # Tenuo accepts an approval until 30 s after its expiry; keep what could still be replayed.
        self._owners = {key: value for key, value in self._owners.items() if value[1] + 120 > now}
