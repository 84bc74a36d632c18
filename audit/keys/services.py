"""Making the service's keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import custody
from audit.keys.contracts import Purpose
from audit.keys.queries import wrapping_purpose
from audit.models import ServiceKey


def ensure_service_key(*, purpose: str) -> ServiceKey:
    """Return the key of ``purpose``, making it if there is none. Two processes at once end with one key.

    Raises ``ValueError`` for a purpose that is not in ``Purpose``, ``CustodyError`` if keys cannot be stored.
    """
    purpose = Purpose(purpose)
    try:
        return ServiceKey.objects.get(pk=purpose)
    except ServiceKey.DoesNotExist:
        return _make(purpose)


def _make(purpose: Purpose) -> ServiceKey:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(purpose))
    key, _ = ServiceKey.objects.get_or_create(
        purpose=purpose,
        defaults={"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped},
    )
    return key
