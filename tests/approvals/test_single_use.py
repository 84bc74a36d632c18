"""An approval lets one dispatch run."""

from __future__ import annotations

import secrets

import pytest

from approvals.contracts import ApprovalUse
from approvals.models import SpentNonce
from approvals.singleuse.services import consume

pytestmark = pytest.mark.django_db
EXPIRES_AT = 1_900_000_000


def _use(*, key: bytes = bytes(32), nonce: bytes | None = None, expires_at: int = EXPIRES_AT) -> ApprovalUse:
    return ApprovalUse(key, nonce or secrets.token_bytes(16), expires_at)


def test_a_nonce_belongs_to_the_first_dispatch_and_its_retries() -> None:
    use = _use()
    assert consume([use], owner="run/7")
    assert consume([use], owner="run/7")
    assert not consume([use], owner="run/8")
    assert not consume([use], owner="other-run/7")


def test_the_same_nonce_of_another_key_is_another_approval() -> None:
    nonce = secrets.token_bytes(16)
    assert consume([_use(key=b"a" * 32, nonce=nonce)], owner="run/7")
    assert consume([_use(key=b"b" * 32, nonce=nonce)], owner="run/8")


def test_approvals_of_one_call_are_spent_together_or_not_at_all() -> None:
    first, second, third = _use(), _use(), _use()
    assert consume([second], owner="run/7")
    assert not consume([first, second, third], owner="run/8")
    assert [row.owner for row in SpentNonce.objects.all()] == ["run/7"]
    assert consume([third, first], owner="run/9")


def test_whatever_order_they_come_in_they_are_locked_in_one_order() -> None:
    """Two dispatches that lock what they share in two orders would wait for each other for ever."""
    uses = [_use(key=bytes([number] * 32)) for number in (3, 1, 2)]
    assert consume(uses, owner="run/7")
    written = [bytes(row.approver_key)[0] for row in SpentNonce.objects.order_by("pk")]
    assert written == [1, 2, 3]


def test_absurd_values_are_stored_all_the_same() -> None:
    assert consume([_use(expires_at=2**63)], owner="x" * 10_000)
    assert consume([_use(expires_at=0)], owner="")
