"""What keeps secrets closed at rest. Pure: the application and agent teams elsewhere use the same keepers."""

from __future__ import annotations

from typing import Protocol


class CustodyError(Exception):
    """A secret cannot be wrapped or opened; the message tells the operator what to do, and holds nothing of it."""


class Keeper(Protocol):
    """Wraps secrets. The first byte of what it makes is its ``version``, by which the right keeper is found again."""

    version: int

    def wrap(self, secret: bytes, *, purpose: str) -> bytes:
        """Return ``secret`` encrypted for ``purpose``. Raises ``CustodyError``."""

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        """Return the secret in ``wrapped``. Raises ``CustodyError`` for another key, purpose or changed bytes."""

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        """Whether ``wrapped`` opens with the key that new secrets are wrapped with. Raises ``CustodyError``."""


def does_not_open(purpose: str, advice: str) -> CustodyError:
    return CustodyError(f"The stored secret for {purpose!r} does not open. {advice}")


def malformed(purpose: str) -> CustodyError:
    return CustodyError(f"The stored secret for {purpose!r} is not in a form this version knows.")
