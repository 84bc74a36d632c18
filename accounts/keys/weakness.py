"""Public keys under which a signature proves nothing.

A point of small order verifies signatures that nobody made. ``cryptography`` and some tools accept
such keys, so they are refused here twice: by Tenuo's own check, and by the list of all of them
(libsodium, ``ge25519_has_small_order``), whatever a later version of a library does.
"""

from __future__ import annotations

import tenuo_core
from tenuo.exceptions import TenuoError

from accounts.errors import WeakKey

_FIELD_PRIME = 2**255 - 19
_SIGN_BIT = 1 << 255
# The y coordinates, little-endian: orders 4, 1, 8, 8 and 2.
_SMALL_ORDER = frozenset(
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


def refuse_weak(public_key: bytes) -> None:
    """Raise ``WeakKey`` for a small order, a second spelling of a point, or bytes that are no point."""
    y = int.from_bytes(public_key, "little") & ~_SIGN_BIT
    # Two spellings of one key would be two fingerprints of one key.
    if y >= _FIELD_PRIME or y in _SMALL_ORDER:
        raise WeakKey
    try:
        tenuo_core.PublicKey.from_bytes(public_key)
    except TenuoError as error:
        raise WeakKey from error
