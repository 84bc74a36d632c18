"""Receivers in trouble are left alone for a while, so that one that hangs holds up no other."""

from __future__ import annotations

import random
import time

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 120.0


class Resting:
    """Until when each receiver is left alone, in this process."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def seconds_left(self, name: str) -> float:
        return max(self._until.get(name, 0.0) - time.monotonic(), 0.0)

    def failed(self, name: str, *, asked_seconds: float) -> None:
        """Leave ``name`` alone: twice as long as the last time, or as long as it asks for."""
        count = self._failures[name] = min(self._failures.get(name, 0) + 1, 16)
        pause = min(FIRST_SECONDS * 2 ** (count - 1), LONGEST_SECONDS) * random.uniform(0.5, 1.0)
        self._until[name] = time.monotonic() + max(pause, asked_seconds)

    def answered(self, name: str) -> None:
        self._failures.pop(name, None)
        self._until.pop(name, None)
