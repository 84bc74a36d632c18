"""Making the service's keys."""

from __future__ import annotations

from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from audit import custody
from audit.keys.contracts import Purpose
from audit.keys.queries import private_key_of, wrapping_purpose
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


def ledger_key() -> Ed25519PrivateKey:
    """Return the key that signs ledger entries, making it if there is none. Call inside a transaction."""
    if connection.alias in _ledger_keys:
        return _ledger_keys[connection.alias]
    key = private_key_of(ensure_service_key(purpose=Purpose.LEDGER))
    # Only a key that is committed is remembered: one that is rolled back must not sign anything.
    transaction.on_commit(partial(_ledger_keys.__setitem__, connection.alias, key))
    return key


_ledger_keys: dict[str, Ed25519PrivateKey] = {}


def _make(purpose: Purpose) -> ServiceKey:
    private_key = Ed25519PrivateKey.generate()
    wrapped = custody.wrap(private_key.private_bytes_raw(), purpose=wrapping_purpose(purpose))
    key, _ = ServiceKey.objects.get_or_create(
        purpose=purpose,
        defaults={"public_key": private_key.public_key().public_bytes_raw(), "wrapped_private_key": wrapped},
    )
    return key
