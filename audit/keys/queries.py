"""Reading the service's keys."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import custody
from audit.keys.contracts import ServiceKeyMissing
from audit.models import ServiceKey


def service_private_key(purpose: str) -> Ed25519PrivateKey:
    """Return the key of ``purpose``. Raises ``ServiceKeyMissing``, or ``CustodyError`` if it does not open."""
    return private_key_of(_row(purpose))


def service_public_key(purpose: str) -> bytes:
    """Return the 32-byte public key of ``purpose``. Raises ``ServiceKeyMissing``."""
    return bytes(_row(purpose).public_key)


def private_key_of(key: ServiceKey) -> Ed25519PrivateKey:
    """Return the opened key; unwrapping is done once per process and stored form."""
    return _opened(key.purpose, bytes(key.wrapped_private_key))


def wrapping_purpose(purpose: str) -> str:
    """Return the purpose under which custody wraps the key of ``purpose``."""
    return f"service-key:{purpose}"


def _row(purpose: str) -> ServiceKey:
    try:
        return ServiceKey.objects.get(pk=purpose)
    except ServiceKey.DoesNotExist as error:
        raise ServiceKeyMissing(purpose) from error


@lru_cache(maxsize=16)
def _opened(purpose: str, wrapped: bytes) -> Ed25519PrivateKey:
    secret = custody.unwrap(wrapped, purpose=wrapping_purpose(purpose))
    return Ed25519PrivateKey.from_private_bytes(secret)
