"""An approval lets one dispatch run."""

from __future__ import annotations

import secrets

import pytest

from approvals.singleuse.services import consume

pytestmark = pytest.mark.django_db
EXPIRES_AT = 1_900_000_000


def _consume(nonce: bytes, owner: str, *, key: bytes = bytes(32), expires_at: int = EXPIRES_AT) -> bool:
    return consume(approver_key=key, nonce=nonce, owner=owner, expires_at=expires_at)


def test_a_nonce_belongs_to_the_first_dispatch_and_its_retries() -> None:
    nonce = secrets.token_bytes(16)
    assert _consume(nonce, "run/7")
    assert _consume(nonce, "run/7")
    assert not _consume(nonce, "run/8")
    assert not _consume(nonce, "other-run/7")


def test_the_same_nonce_of_another_key_is_another_approval() -> None:
    nonce = secrets.token_bytes(16)
    assert _consume(nonce, "run/7", key=b"a" * 32)
    assert _consume(nonce, "run/8", key=b"b" * 32)


def test_absurd_values_are_stored_all_the_same() -> None:
    assert _consume(secrets.token_bytes(16), "x" * 10_000, expires_at=2**63)
    assert _consume(secrets.token_bytes(16), "", expires_at=0)
