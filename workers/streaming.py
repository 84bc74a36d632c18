"""Sending ledger entries to where an organisation gathers its events, beside the integrator.

At least once, in the order of each log. Any number of processes may do it at once: one of them sends.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.custody import CustodyError
from audit.log.reading import behind
from audit.models import LogReader
from audit.streaming import services
from audit.streaming.contracts import Target, TargetError
from audit.streaming.files import FileTarget
from audit.streaming.https import SEND_SECONDS, HttpsTarget
from workers.database import in_thread
from workers.errors import StartFailed

logger = logging.getLogger(__name__)

BATCH = 500
EVERY_SECONDS = 1.0
# Longer than a batch can take: two processes that send the same lines would be harmless, but not in order.
LEASE_SECONDS = SEND_SECONDS + 15.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the first pause after a failure, which doubles, the longest, and that for what only people heal."""

    first: float = 1.0
    longest: float = 60.0
    by_people: float = 300.0

    def pause(self, error: TargetError, failures: int) -> float:
        """Return how long to wait after ``failures`` earlier ones; never shorter than the target asked for."""
        usual = min(self.first * 2 ** min(failures, 16), self.longest) if error.heals else self.by_people
        # Spread out, so that many installations do not come back at once.
        return max(error.after_seconds or 0.0, 0.0) + usual * random.uniform(0.5, 1.0)


def configured_target() -> Target | None:
    """Return the target that the settings name, if any. Raises ``StartFailed``."""
    target = settings.SIEM_TARGET
    if not target:
        return None
    if target.startswith("/"):
        return FileTarget(Path(target))
    token_file = Path(settings.SIEM_TOKEN_FILE) if settings.SIEM_TOKEN_FILE else None
    try:
        return HttpsTarget(target, token_file=token_file, authorities=settings.SIEM_CA)
    except (ssl.SSLError, ValueError) as error:
        raise StartFailed("SIEM_CA holds no certificates in PEM.") from error


async def keep_streaming(
    target: Target, *, every: float = EVERY_SECONDS, batch: int = BATCH, pace: Pace | None = None
) -> None:
    """Send until cancelled. A failure is said loudly, and tried again: no entry is skipped."""
    stream = _Stream(target, batch, pace or Pace())
    try:
        while True:
            try:
                is_more = await stream.turn()
            except Exception:
                logger.exception("Ledger entries wait to be sent to %s.", target.name)
                is_more = False
            if not is_more:
                await asyncio.sleep(every)
    finally:
        await stream.leave()


class _Stream:
    def __init__(self, target: Target, batch: int, pace: Pace) -> None:
        self.holder = secrets.token_hex(16)
        self._target, self._batch, self._pace = target, batch, pace

    async def leave(self) -> None:
        """Let others send at once. If that fails, they can when the lease is over."""
        try:
            await in_thread(services.release, self.holder)
        except Exception:
            logger.warning("The lease on the stream of entries could not be given back.", exc_info=True)

    async def turn(self) -> bool:
        """Send one batch of every log. True if a log took one: there may be more."""
        taken = [await self._send(reader) for reader in await in_thread(services.streams)]
        return any(taken)

    async def _send(self, reader: LogReader) -> bool:
        try:
            batch = await in_thread(
                services.take, reader, holder=self.holder, lease_seconds=LEASE_SECONDS, limit=self._batch
            )
        except CustodyError as error:
            await self._failed(reader, TargetError(f"The entries cannot be opened. {error}"), 0)
            return False
        if batch is None:
            return False
        try:
            await self._target.send(batch.data)
        except TargetError as error:
            await self._failed(reader, error, batch.failures)
            return False
        await in_thread(services.sent, batch)
        if batch.failures:
            logger.info("%s takes entries of %s again.", self._target.name, reader.log.origin)
        return True

    async def _failed(self, reader: LogReader, error: TargetError, failures: int) -> None:
        pause = self._pace.pause(error, failures)
        await in_thread(services.failed, reader, error=error.sentence, retry_seconds=pause)
        logger.log(
            logging.WARNING if error.heals else logging.CRITICAL,
            "%s entries of %s wait to be sent: %s Trying again in %.0f s.",
            await in_thread(behind, reader), reader.log.origin, error.sentence, pause,
        )  # fmt: skip
