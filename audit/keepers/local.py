"""Secrets wrapped with a key that this process was given.

wrapped = 01 || nonce (12 bytes) || AES-256-GCM(secret), additional data = purpose
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.keepers.contracts import CustodyError, does_not_open, malformed

_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = 32


class LocalKeeper:
    """``key`` wraps and opens, ``previous`` only opens: 32 bytes each, in standard base64. ``name`` is for errors."""

    version = 1

    def __init__(self, key: str, previous: str = "", *, name: str = "KEY_ENCRYPTION_KEY") -> None:
        self._key, self._previous, self._name = key, previous, name

    def wrap(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return bytes([self.version]) + nonce + self._cipher(self._key).encrypt(nonce, secret, purpose.encode())

    def unwrap(self, wrapped: bytes, *, purpose: str) -> bytes:
        for key in filter(None, (self._key, self._previous)):
            secret = self._open(key, wrapped, purpose)
            if secret is not None:
                return secret
        if not self._key:
            self._cipher(self._key)  # says that there is none
        raise does_not_open(
            purpose, f"Set {self._name} to the key it was stored under; if that key is lost, so is the secret."
        )

    def is_current(self, wrapped: bytes, *, purpose: str) -> bool:
        return wrapped[:1] == bytes([self.version]) and self._open(self._key, wrapped, purpose) is not None

    def _open(self, key: str, wrapped: bytes, purpose: str) -> bytes | None:
        nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
        if wrapped[:1] != bytes([self.version]) or len(sealed) < _TAG_BYTES:
            raise malformed(purpose)
        try:
            return self._cipher(key).decrypt(nonce, sealed, purpose.encode())
        except InvalidTag:
            return None

    def _cipher(self, key: str) -> AESGCM:
        name = self._name if key == self._key else f"{self._name}_PREVIOUS"
        try:
            data = base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CustodyError(f"{name} is not base64. Set it to 32 random bytes in base64.") from error
        if len(data) != _KEY_BYTES:
            raise CustodyError(f"{name} is {len(data)} bytes long. Set it to 32 random bytes in base64.")
        return AESGCM(data)
