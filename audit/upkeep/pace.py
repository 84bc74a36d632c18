"""Working beside others: a part of the time, and no longer than the process runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event


class Stopped(Exception):
    """The process ends."""


class Pace:
    """Call it after each small piece of work: it rests so that work takes ``share`` of the time.

    It calls ``report`` every ``every`` seconds, and raises ``Stopped`` once ``stop`` is set, also while it rests.
    """

    def __init__(self, stop: Event, report: Callable[[int], None], *, share: float = 0.25, every: float = 5.0) -> None:
        self._stop, self._report, self._share, self._every = stop, report, share, every
        self._began = self._reported = time.monotonic()
        self.done = 0

    def __call__(self) -> None:
        self.done += 1
        worked = time.monotonic() - self._began
        # Short enough for whoever else wants the interpreter to notice nothing.
        if worked < 0.01:
            return
        if self._stop.wait(worked * (1 - self._share) / self._share):
            raise Stopped
        self._began = time.monotonic()
        if self._began - self._reported >= self._every:
            self._report(self.done)
            self._reported = time.monotonic()
