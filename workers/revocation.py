"""Keeping fresh what a worker knows of revoked warrants, revoked keys and, until it has one, its people root."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from warrants.key_revocations import services as key_revocations
from warrants.revocation.services import signed_list
from workers.database import in_thread
from workers.gates.people_roots import PeopleRoots
from workers.people_roots import pin_first_root

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class TakesRevocationList(Protocol):
    """The gate plugin: checks signer and version, and applies a newer list to the next activity."""

    def apply_revocation_list(self, data: bytes) -> bool: ...


class TakesKeyRevocations(Protocol):
    """The gate plugin: checks signer, number and that nothing is taken back, and refuses those keys from then on."""

    def apply_key_revocations(self, data: bytes) -> bool: ...


async def refresh_keys(
    plugin: TakesKeyRevocations, roots: PeopleRoots | None, *, interval_seconds: float = INTERVAL_SECONDS
) -> None:
    """Hand every new list of revoked keys to ``plugin`` and pin the first people root, until cancelled."""
    applied = b""
    while True:
        try:
            if roots is not None:
                await in_thread(pin_first_root, roots)
            data = await in_thread(key_revocations.signed_list)
            if data is not None and data != applied:
                plugin.apply_key_revocations(data)
                applied = data
        except Exception:
            logger.exception("The list of revoked keys could not be refreshed; revoked keys may still approve here.")
        await asyncio.sleep(interval_seconds)


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
