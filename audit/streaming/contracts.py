"""What the two kinds of targets have in common."""

from __future__ import annotations

from typing import Protocol


class Target(Protocol):
    """Where entries go. ``name`` is for people and logs, and never holds a secret."""

    name: str

    async def send(self, data: bytes) -> None:
        """Return when the target has ``data``, whole lines, for good. Raises ``TargetError``."""


class TargetError(Exception):
    """The target did not take the lines, as far as is known; says why, in a sentence without their content.

    ``after_seconds``: the target said for how long to leave it alone. ``heals``: it may do so by itself.
    """

    def __init__(self, sentence: str, *, after_seconds: float | None = None, heals: bool = True) -> None:
        super().__init__(sentence)
        self.sentence, self.after_seconds, self.heals = sentence, after_seconds, heals
