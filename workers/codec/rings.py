"""Where a codec takes rings from, without asking for every payload and without missing a rotation.

A ring that was loaded within the last second is used as it is. An older one is loaded anew before anything is sealed
with it, and a payload under a key that the ring does not have makes it load at once. While rings cannot be loaded, the
remembered ones serve: a database that is away stops no workflow.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from audit.sealing import Ring
from workers.codec.errors import RingUnavailable

logger = logging.getLogger("countersign.codec")

FRESH_SECONDS = 1.0
# Up to this age a ring seals while a newer one is on its way; later, sealing waits for it, but not for long.
STALE_SECONDS = 1.8
PATIENCE_SECONDS = 0.5
# How long a payload waits for a ring or a key that this process does not have.
FIRST_SECONDS = 10.0
# How soon a source that failed is asked again.
RETRY_SECONDS = 1.0
# Payloads under unknown keys make at most so many loads a second, whoever sends them.
LOOKUP_SECONDS = 0.25


class RingSource(Protocol):
    """Rings by name: a namespace's, or an exchange ring's."""

    async def ring(self, name: str) -> Ring:
        """Return the ring to seal with. Raises ``RingUnavailable``."""

    async def ring_with(self, name: str, key_id: str) -> Ring:
        """Return the ring that should hold ``key_id``, loaded anew if the remembered one does not."""


class FixedRings:
    """Rings that never change, for tools and tests."""

    def __init__(self, *rings: Ring) -> None:
        self._rings = {ring.namespace: ring for ring in rings}

    async def ring(self, name: str) -> Ring:
        if name not in self._rings:
            raise RingUnavailable(namespace=name, reason="no such ring was given to this program.")
        return self._rings[name]

    async def ring_with(self, name: str, key_id: str) -> Ring:
        return await self.ring(name)


@dataclass(slots=True)
class _Held:
    ring: Ring
    loaded_at: float
    # Until when nobody asks whether there is a newer one.
    rests_until: float


class LoadedRings:
    """Rings from ``load``, which is called in a thread of its own and may raise anything. Safe in any event loop."""

    def __init__(self, load: Callable[[str], Ring]) -> None:
        self._load = load
        self._held: dict[str, _Held] = {}
        self._loading: dict[str, Future[Ring]] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "rings")

    async def ring(self, name: str) -> Ring:
        held = self._held.get(name)
        now = monotonic()
        if held is not None and now < held.rests_until:
            return held.ring
        loading = self._begin(name)
        if held is not None and now - held.loaded_at < STALE_SECONDS:
            return held.ring
        try:
            return await _answer(loading, name, FIRST_SECONDS if held is None else PATIENCE_SECONDS)
        except RingUnavailable as error:
            if held is None:
                raise
            held.rests_until = monotonic() + RETRY_SECONDS
            logger.warning("%s The remembered ones serve.", error)
            return held.ring

    async def ring_with(self, name: str, key_id: str) -> Ring:
        asked_at = monotonic()
        while True:
            held = self._held.get(name)
            # A load that was under way may have begun before there was such a key.
            if held is not None and (key_id in held.ring.keys or held.loaded_at >= asked_at):
                return held.ring
            rest = held.loaded_at + LOOKUP_SECONDS - monotonic() if held is not None else 0
            if rest > 0:
                await asyncio.sleep(rest)
            else:
                await _answer(self._begin(name), name, FIRST_SECONDS)

    def forget(self) -> None:
        """Load every ring anew when it is next needed."""
        self._held.clear()

    def _begin(self, name: str) -> Future[Ring]:
        """Return the load of ``name`` that is under way, or begin one."""
        with self._lock:
            if name not in self._loading:
                self._loading[name] = self._thread.submit(self._work, name)
            return self._loading[name]

    def _work(self, name: str) -> Ring:
        began = monotonic()
        try:
            ring = self._load(name)
            self._held[name] = _Held(ring, began, began + FRESH_SECONDS)
            return ring
        finally:
            with self._lock:
                del self._loading[name]


async def _answer(loading: Future[Ring], name: str, seconds: float) -> Ring:
    """Return what ``loading`` gives. Raises ``RingUnavailable`` if it fails or takes longer than ``seconds``."""
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(loading)), seconds)
    except TimeoutError as error:
        raise RingUnavailable(namespace=name, reason=f"no answer within {seconds:.1f} seconds.") from error
    except Exception as error:
        raise RingUnavailable(namespace=name, reason=f"{error}" or f"{type(error).__name__}.") from error
