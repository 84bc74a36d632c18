"""Keeping fresh what a worker knows of published policies, without a restart."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from django.conf import settings

from warrants.key_revocations import services as key_revocations
from warrants.policies import offering
from workers.database import in_thread
from workers.known_policies import KnownPolicies
from workers.people_roots import PeopleRoots
from workers.pinned_policies import PinnedPolicies
from workers.revocation import INTERVAL_SECONDS

logger = logging.getLogger(__name__)

# What did not verify may do so later: an endorsement comes, a clock is set.
LOOK_AGAIN_SECONDS = 30.0


def known_policies(roots: PeopleRoots) -> KnownPolicies:
    """Return what this process's workers believe of policies, before they first looked: the release's own."""
    return KnownPolicies(roots, PinnedPolicies(Path(settings.DATA_DIR)))


class KnowsRevokedKeys(Protocol):
    """The gate plugin: checks a list of people's revoked keys, and knows when each was revoked."""

    def apply_key_revocations(self, data: bytes) -> bool: ...

    @property
    def revoked_keys(self) -> Mapping[bytes, int]: ...


class Publications:
    """Hands what was published to ``known``.

    ``plugins``, which are those of this process's workers, are given the newest list of revoked keys first: a
    publisher's key that was revoked before it signed makes nothing count.
    """

    def __init__(self, known: KnownPolicies, plugins: Sequence[KnowsRevokedKeys]) -> None:
        self._known, self._plugins = known, plugins
        self._seen: object = None
        self._seen_at = 0.0

    async def refresh(self, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Look every second, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(interval_seconds)

    async def look(self) -> None:
        """Take what is new. A failure is said aloud, and leaves what was known."""
        try:
            news = (await in_thread(offering.stamp), self._known.roots.keys)
            if news == self._seen and not self._is_time_again():
                return
            if data := await in_thread(key_revocations.signed_list):
                for plugin in self._plugins:
                    plugin.apply_key_revocations(data)
            revoked = {key: at for plugin in self._plugins for key, at in plugin.revoked_keys.items()}
            await asyncio.to_thread(self._known.take, await in_thread(offering.offered), revoked)
            self._seen, self._seen_at = news, time.monotonic()
        except Exception:
            logger.exception("What was published could not be refreshed; the policies that were known go on counting.")

    def _is_time_again(self) -> bool:
        return self._known.has_complaints and time.monotonic() - self._seen_at >= LOOK_AGAIN_SECONDS
