"""Single use: an approval runs one dispatch, and no other."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from approvals.contracts import ApprovalUse

# Tenuo accepts an approval until 30 s after its expiry, and no two workers' clocks are the same.
KEPT_SECONDS = 600
# Before the last try. A restart of the store is not noticed.
DELAYS_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
# In all, also when the store takes the question and never answers: less than the gate's activities may take.
PATIENCE_SECONDS = 10.0


class NonceStoreDown(RuntimeError):
    """Nobody can say whether an approval was used. The call must not run now; its approvals stay unspent."""


class NonceStore(Protocol):
    """Remembers which dispatch spent an approval.

    ``consume`` spends all of ``uses`` for ``owner``, the dispatch, or none of them. It returns True if each is unspent
    or spent by the same owner, so that a retry by Temporal passes; False if another owner spent one of them. It raises
    when it cannot know: the call is then refused for now, and what it might have spent is the same owner's still.
    """

    async def consume(self, uses: Sequence[ApprovalUse], *, owner: str) -> bool: ...


class InMemoryNonceStore:
    """For a single worker process: what it remembers goes with the process.

    The binding to one run and request still holds after a restart; only a replay of the same
    request in the same run would not be noticed. Several workers need a store they share.
    """

    def __init__(self) -> None:
        self._owners: dict[tuple[bytes, bytes], tuple[str, int]] = {}
        self._swept_at = 0.0

    async def consume(self, uses: Sequence[ApprovalUse], *, owner: str) -> bool:
        # No await in here: nothing comes between looking and spending.
        self._sweep()
        keys = {(use.approver_key, use.nonce): use.expires_at for use in sorted(uses)}
        if any(self._owners.get(key, (owner, 0))[0] != owner for key in keys):
            return False
        self._owners.update({key: (owner, expires_at) for key, expires_at in keys.items()})
        return True

    def _sweep(self) -> None:
        now = time.time()
        if now - self._swept_at < 60:
            return
        self._swept_at = now
        self._owners = {key: value for key, value in self._owners.items() if value[1] + KEPT_SECONDS > now}


async def insist(ask: Callable[[], Awaitable[bool]], *, transient: tuple[type[Exception], ...]) -> bool:
    """Return what ``ask`` returns, asking again while it raises ``transient``: the same owner may ask twice.

    Raises ``NonceStoreDown`` when the store stays away for ``PATIENCE_SECONDS``, or for all of ``DELAYS_SECONDS``.
    """
    away: tuple[type[Exception], ...] = (TimeoutError, *transient)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for delay in DELAYS_SECONDS:
                try:
                    return await ask()
                except transient:
                    await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            return await ask()
    except away as error:
        raise NonceStoreDown("The store of used approvals does not answer; the call runs when it is back.") from error
