"""The service's own keys are made once and stored only wrapped."""

from __future__ import annotations

import base64

import pytest
from django.test import override_settings

from audit import custody
from audit.keys.contracts import ServiceKeyMissing
from audit.keys.queries import service_private_key, service_public_key
from audit.keys.services import ensure_service_key
from audit.models import ServiceKey


def test_a_wrapped_secret_opens_for_its_purpose_only() -> None:
    wrapped = custody.wrap(b"secret", purpose="one")
    assert b"secret" not in wrapped
    assert custody.unwrap(wrapped, purpose="one") == b"secret"
    with pytest.raises(custody.CustodyError, match="does not open"):
        custody.unwrap(wrapped, purpose="two")


@pytest.mark.parametrize("at", [0, 1, 13, -1])
def test_a_changed_wrapping_does_not_open(at: int) -> None:
    wrapped = bytearray(custody.wrap(b"secret", purpose="one"))
    wrapped[at] ^= 1
    with pytest.raises(custody.CustodyError):
        custody.unwrap(bytes(wrapped), purpose="one")


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x01" + bytes(12), b"\x01" + bytes(20)])
def test_a_cut_wrapping_does_not_open(wrapped: bytes) -> None:
    with pytest.raises(custody.CustodyError):
        custody.unwrap(wrapped, purpose="one")


@pytest.mark.parametrize("key", ["", "not base64!", base64.b64encode(bytes(16)).decode()])
def test_a_wrong_encryption_key_is_named(key: str) -> None:
    with override_settings(KEY_ENCRYPTION_KEY=key), pytest.raises(custody.CustodyError, match="KEY_ENCRYPTION_KEY"):
        custody.wrap(b"secret", purpose="one")


@pytest.mark.django_db
def test_a_key_is_made_once_and_stored_wrapped() -> None:
    key = ensure_service_key(purpose="ledger")
    assert ensure_service_key(purpose="ledger").public_key == key.public_key
    private = service_private_key("ledger")
    assert private.public_key().public_bytes_raw() == service_public_key("ledger") == bytes(key.public_key)
    assert private.private_bytes_raw() not in bytes(ServiceKey.objects.get().wrapped_private_key)


@pytest.mark.django_db
def test_keys_of_two_purposes_differ_and_cannot_be_exchanged() -> None:
    ledger, receipts = ensure_service_key(purpose="ledger"), ensure_service_key(purpose="receipts")
    assert bytes(ledger.public_key) != bytes(receipts.public_key)
    ServiceKey.objects.filter(pk="ledger").update(wrapped_private_key=receipts.wrapped_private_key)
    with pytest.raises(custody.CustodyError):
        service_private_key("ledger")


@pytest.mark.django_db
def test_a_missing_or_unknown_key_is_named() -> None:
    with pytest.raises(ServiceKeyMissing, match="receipts"):
        service_private_key("receipts")
    with pytest.raises(ValueError, match="people"):
        ensure_service_key(purpose="people")
