"""Holder keys in memory.

Tenuo's resolvers for Vault, AWS and GCP do not work inside the workflow sandbox: a workflow
needs its key at once, with no I/O. Load the keys before the worker starts and give them here.
"""

from __future__ import annotations

from collections.abc import Mapping

import tenuo_core
from tenuo.temporal import KeyResolver
from tenuo.temporal.exceptions import KeyResolutionError

from workers.gates.errors import UnsafeSettings


class MemoryKeyResolver(KeyResolver):
    """Serves holder keys (32-byte Ed25519 seeds by key id) from memory."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise UnsafeSettings("A worker needs at least one holder key; holder_keys is empty.")
        for key_id, seed in keys.items():
            if len(seed) != 32:
                raise UnsafeSettings(f"The holder key {key_id!r} is not a 32-byte Ed25519 seed.")
        self._keys = {key_id: tenuo_core.SigningKey.from_bytes(seed) for key_id, seed in keys.items()}

    def resolve_sync(self, key_id: str) -> tenuo_core.SigningKey:
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyResolutionError(key_id=key_id) from None

    async def resolve(self, key_id: str) -> tenuo_core.SigningKey:
        return self.resolve_sync(key_id)
