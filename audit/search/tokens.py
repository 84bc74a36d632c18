"""Words as numbers that only a key makes: HMAC-SHA256, of which the first 8 bytes are stored.

    token = HMAC(key, source (1 byte) || length of name (4 bytes) || name || word)[:8], as a signed number

``name`` is that of the argument, or nothing for a word wherever it stands. Pure.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def derived(secret: bytes, *, context: str) -> bytes:
    """Return the key for one use of a stored ``secret``."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"countersign-search/{context}".encode()).derive(
        secret
    )


def token(key: bytes, source: int, word: str, *, name: str = "") -> int:
    """Return the token of ``word``, which is in the index's form already."""
    named = name.encode()
    message = bytes([source]) + len(named).to_bytes(4, "big") + named + word.encode()
    return int.from_bytes(hmac.digest(key, message, "sha256")[:8], "big", signed=True)
