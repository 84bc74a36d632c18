"""The key by which push services know this installation: one for as long as browsers are subscribed with it."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from audit import custody
from audit.keys.contracts import ServiceKeyMissing
from audit.models import PushKey

NAME = "push"


def ensure_push_key() -> PushKey:
    """Return the key, making it if there is none. Two processes at once end with one.

    Raises ``CustodyError`` if keys cannot be stored.
    """
    found = PushKey.objects.filter(pk=NAME).first()
    return found or _make()


def push_public_key() -> bytes:
    """Return the uncompressed point that browsers subscribe with, or nothing if no key was made yet."""
    found = PushKey.objects.filter(pk=NAME).first()
    return bytes(found.public_key) if found else b""


def push_private_key() -> EllipticCurvePrivateKey:
    """Return the opened key. Raises ``ServiceKeyMissing``, or ``CustodyError`` if it does not open."""
    found = PushKey.objects.filter(pk=NAME).first()
    if found is None:
        raise ServiceKeyMissing(NAME)
    return _opened(bytes(found.wrapped_private_key))


def wrapping_purpose(name: str) -> str:
    """Return the purpose under which custody wraps the key."""
    return f"push-key:{name}"


def _make() -> PushKey:
    private_key = generate_private_key(SECP256R1())
    secret = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    wrapped = custody.wrap(secret, purpose=wrapping_purpose(NAME))
    key, _ = PushKey.objects.get_or_create(name=NAME, defaults={"public_key": point, "wrapped_private_key": wrapped})
    return key


@lru_cache(maxsize=4)
def _opened(wrapped: bytes) -> EllipticCurvePrivateKey:
    key = load_der_private_key(custody.unwrap(wrapped, purpose=wrapping_purpose(NAME)), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101
    return key
