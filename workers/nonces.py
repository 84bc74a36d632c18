"""Single use of approvals, remembered in the application's database."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from approvals.contracts import ApprovalUse
from approvals.singleuse.services import consume
from workers.database import TRANSIENT, in_executor
from workers.gates.nonces import insist


class DatabaseNonceStore:
    """The ``NonceStore`` of workers that share the application's database."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor or ThreadPoolExecutor(2, thread_name_prefix="nonces")

    async def consume(self, uses: Sequence[ApprovalUse], *, owner: str) -> bool:
        """Spend all of ``uses``, or none. Raises ``NonceStoreDown`` when the database stays away."""
        return await insist(
            lambda: in_executor(self._executor, partial(consume, uses, owner=owner)), transient=TRANSIENT
        )
