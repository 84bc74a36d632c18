"""Keeping fresh what a worker knows of trusted roots, revoked warrants and keys and, until then, its people root."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from warrants.issuers.queries import signed_sets
from warrants.key_revocations import services as key_revocations
from warrants.revocation import confirming
from warrants.revocation.contracts import Held
from warrants.revocation.services import signed_list
from workers.database import in_thread
from workers.gates.people_roots import PeopleRoots
from workers.gates.plugin import GatePlugin
from workers.people_roots import pin_first_root

logger = logging.getLogger(__name__)

# With what a look into the database takes, a list is in force within the two seconds that are promised.
INTERVAL_SECONDS = 1.0
# How often a worker says that it is there although it has no news.
STILL_HERE_SECONDS = 10.0


class TakesRevocationList(Protocol):
    """The gate plugin: checks signer and version, and applies newer roots and a newer list to the next activity."""

    def apply_trusted_roots(self, sets: Sequence[bytes]) -> bool: ...

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


def held_list(plugin: GatePlugin, namespace: str) -> Held:
    """Return what the worker of ``plugin`` in ``namespace`` holds, under the name that its receipts have."""
    return Held(plugin.receipts.worker, namespace, plugin.revocation.version, plugin.trusted_roots.number)


async def refresh(
    plugin: TakesRevocationList,
    held: Callable[[], Sequence[Held]],
    *,
    interval_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Hand every new set of roots and every new list to ``plugin``, and confirm what is ``held``, until cancelled.

    A failure is said aloud and tried again.
    """
    believed: list[bytes] = []
    applied = b""
    confirmation = _Confirmation()
    try:
        while True:
            # First the roots: one that is new may have signed the list.
            try:
                sets = await in_thread(signed_sets)
                if sets and sets != believed:
                    plugin.apply_trusted_roots(sets)
                    believed = sets
            except Exception:
                logger.exception("The trusted roots could not be refreshed; those from before are trusted here.")
            try:
                data = await in_thread(signed_list)
                if data is not None and data != applied:
                    plugin.apply_revocation_list(data)
                    applied = data
            except Exception:
                logger.exception("The revocation list could not be refreshed; revoked warrants may still run here.")
            try:
                await confirmation.say(held())
            except Exception:
                logger.exception("Which revocation list is in force here could not be confirmed; it is tried again.")
            await asyncio.sleep(interval_seconds)
    finally:
        await confirmation.take_back()


class _Confirmation:
    """What was last confirmed, so that a row is written where there is news, and else every few seconds."""

    def __init__(self) -> None:
        self._said: list[Held] = []
        self._said_at = 0.0

    async def say(self, held: Sequence[Held]) -> None:
        news = list(held) != self._said
        if not news and time.monotonic() - self._said_at < STILL_HERE_SECONDS:
            return
        if news:
            await in_thread(confirming.confirm, held)
        elif held:
            await in_thread(confirming.still_here, [one.worker for one in held])
        self._said, self._said_at = list(held), time.monotonic()

    async def take_back(self) -> None:
        try:
            await in_thread(confirming.forget, [one.worker for one in self._said])
        except Exception:
            logger.exception("That this worker stops could not be recorded; it is listed as silent for a day.")
