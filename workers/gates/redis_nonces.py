"""Single use of approvals, remembered in a Redis that several workers share.

Redis must keep what it was told: ``maxmemory-policy noeviction`` (checked), ``appendonly yes`` with ``appendfsync
always``. What it forgets all the same can be replayed only for the same request of the same run, while it lives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from approvals.contracts import ApprovalUse
from workers.gates.errors import UnsafeSettings
from workers.gates.nonces import KEPT_SECONDS, NonceStoreDown, insist

logger = logging.getLogger("countersign.gates")

ANSWER_SECONDS = 2.0
TRANSIENT: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
# In braces: all keys of one dispatch are in one slot of a cluster, as a script needs them.
PREFIX = "{countersign}:spent:"
# Redis runs a script as a whole. KEYS: the approvals; ARGV: the owner, then for how many seconds each is kept.
_SPEND_ALL_OR_NONE = """
for _, key in ipairs(KEYS) do
  local owner = redis.call('GET', key)
  if owner and owner ~= ARGV[1] then return 0 end
end
for number, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'EX', ARGV[number + 1])
end
return 1
"""


class RedisNonceStore:
    """The ``NonceStore`` of workers that share a Redis. ``url``: ``redis://``, ``rediss://`` or ``unix://``."""

    def __init__(self, url: str) -> None:
        # Asking again is ours to do: `insist` bounds it.
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._spend = self._redis.register_script(_SPEND_ALL_OR_NONE)
        self._is_checked = False

    async def check(self) -> None:
        """Raise ``UnsafeSettings`` if this Redis may forget, ``NonceStoreDown`` if it does not answer."""
        try:
            known = await self._redis.info("memory", "persistence")
        except TRANSIENT as error:
            raise NonceStoreDown("Redis, where used approvals are remembered, does not answer.") from error
        policy = _text(known.get("maxmemory_policy", "unknown"))
        if policy != "noeviction":
            raise UnsafeSettings(
                f"Redis may forget used approvals when its memory is full (maxmemory-policy {policy}), so that they "
                "could be used again. Set maxmemory-policy noeviction."
            )
        if not known.get("aof_enabled"):
            logger.warning("Redis forgets used approvals when it restarts. Set appendonly yes, appendfsync always.")
        self._is_checked = True

    async def consume(self, uses: Sequence[ApprovalUse], *, owner: str) -> bool:
        """Spend all of ``uses``, or none. Raises ``NonceStoreDown`` when Redis stays away, ``UnsafeSettings``."""

        async def ask() -> bool:
            if not self._is_checked:
                await self.check()
            return bool(await self._spend(keys=list(lives), args=[owner, *lives.values()]))

        lives = {_key(use): _seconds(use) for use in sorted(uses)}
        return await insist(ask, transient=(*TRANSIENT, NonceStoreDown))

    async def close(self) -> None:
        await self._redis.aclose()


def _key(use: ApprovalUse) -> str:
    return f"{PREFIX}{use.approver_key.hex()}:{use.nonce.hex()}"


def _seconds(use: ApprovalUse) -> int:
    """Return for how long from now a use is kept: a duration, since Redis may have another clock."""
    return max(use.expires_at - int(time.time()), 0) + KEPT_SECONDS


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
