"""Single use of approvals, remembered in the application's database."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from approvals.singleuse.services import consume
from workers.database import TRANSIENT, in_executor

# In all less than the gate's activities may take: a restart of the database is not noticed.
DELAYS_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)


class NonceStoreUnavailable(RuntimeError):
    """Nobody can say whether an approval was used. The call must not run now; the approval stays unspent."""


class DatabaseNonceStore:
    """The ``NonceStore`` of workers that share the application's database."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor or ThreadPoolExecutor(2, thread_name_prefix="nonces")

    async def consume(self, *, approver_key: bytes, nonce: bytes, owner: str, expires_at: int) -> bool:
        """Return whether ``owner`` is the first, or the same, to use the approval.

        The question is asked again while the database is away: the same owner may ask twice.
        Raises ``NonceStoreUnavailable`` when it stays away.
        """
        ask = partial(consume, approver_key=approver_key, nonce=nonce, owner=owner, expires_at=expires_at)
        for delay in DELAYS_SECONDS:
            try:
                return await in_executor(self._executor, ask)
            except TRANSIENT:
                await asyncio.sleep(delay)
        try:
            return await in_executor(self._executor, ask)
        except TRANSIENT as error:
            raise NonceStoreUnavailable(
                "The store of used approvals does not answer; the call runs when it is back."
            ) from error
