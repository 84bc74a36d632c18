"""Keeping a worker's revocation list fresh, since Tenuo itself reads it only once."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from warrants.revocation.services import signed_list
from workers.database import in_thread

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class TakesRevocationList(Protocol):
    """The gate plugin: checks signer and version, and applies a newer list to the next activity."""

    def apply_revocation_list(self, data: bytes) -> bool: ...


async def refresh(plugin: TakesRevocationList, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
    """Hand every new list to ``plugin``, until cancelled. A failure is said aloud and tried again."""
    applied = b""
    while True:
        try:
            data = await in_thread(signed_list)
            if data is not None and data != applied:
                plugin.apply_revocation_list(data)
                applied = data
        except Exception:
            logger.exception("The revocation list could not be refreshed; revoked warrants may still run here.")
        await asyncio.sleep(interval_seconds)
