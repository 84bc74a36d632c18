"""Secrets at rest: private keys are stored only wrapped.

    wrapped = 01 || nonce (12 bytes) || AES-256-GCM(secret), additional data = purpose

The key is ``settings.KEY_ENCRYPTION_KEY``: 32 bytes in standard base64. A wrapped secret opens
only for the purpose it was wrapped for, so one stored key cannot be passed off as another.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class CustodyError(Exception):
    """A secret cannot be wrapped or opened; the message tells the operator what to do."""


def wrap(secret: bytes, *, purpose: str) -> bytes:
    """Return ``secret`` encrypted for ``purpose``. Raises ``CustodyError`` if the key is not set."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + _cipher().encrypt(nonce, secret, purpose.encode())


def unwrap(wrapped: bytes, *, purpose: str) -> bytes:
    """Return the secret in ``wrapped``. Raises ``CustodyError`` for another key, purpose or changed bytes."""
    wrapped = bytes(wrapped)
    nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
    if wrapped[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
        raise CustodyError(f"The stored secret for {purpose!r} is not in a form this version knows.")
    try:
        return _cipher().decrypt(nonce, sealed, purpose.encode())
    except InvalidTag as error:
        raise CustodyError(
            f"The stored secret for {purpose!r} does not open. "
            "Set KEY_ENCRYPTION_KEY to the key it was stored under; if that key is lost, so is the secret."
        ) from error


def _cipher() -> AESGCM:
    try:
        key = base64.b64decode(settings.KEY_ENCRYPTION_KEY, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CustodyError("KEY_ENCRYPTION_KEY is not base64. Set it to 32 random bytes in base64.") from error
    if len(key) != _KEY_BYTES:
        raise CustodyError(f"KEY_ENCRYPTION_KEY is {len(key)} bytes long. Set it to 32 random bytes in base64.")
    return AESGCM(key)
