"""What keeps a private key. Whatever it is, it only ever signs: no keeper gives its key away."""

from __future__ import annotations

from typing import Protocol


class Keeper(Protocol):
    """``public_key`` is 32 raw bytes; ``sign`` returns the 64 bytes of a pure Ed25519 signature (RFC 8032).

    ``sign`` raises ``KeyRefused``.
    """

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...
