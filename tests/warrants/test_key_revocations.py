"""The list of revoked keys that workers get: signed by the issuer, numbered, and only ever longer."""

from __future__ import annotations

import pytest

from accounts.keys.services import revoke
from accounts.models import ApproverKey
from warrants.issuers.queries import trusted_roots
from warrants.issuers.services import ensure_issuer
from warrants.key_revocations.services import signed_list
from warrants.models import KeyRevocationList
from workers.gates.key_revocations import KeyRevocations
from workers.gates.trusted_roots import TrustedRoots

pytestmark = pytest.mark.django_db


def test_nothing_revoked_is_no_list(ada_key: ApproverKey) -> None:
    assert signed_list() is None


def test_every_revocation_makes_one_longer_list_that_workers_take(ada_key: ApproverKey, grace_key: ApproverKey) -> None:
    ensure_issuer()
    known = KeyRevocations(TrustedRoots(trusted_roots()))
    for number, key in enumerate([ada_key, grace_key], start=1):
        revoke(person=key.person, key_id=key.pk, reason="lost")
        data = signed_list()
        assert data is not None
        assert signed_list() == data, "a number is signed once"
        assert known.apply(data)
        assert (known.number, len(known.times)) == (number, number)
    assert bytes(ada_key.public_key) in known
    ada_key.refresh_from_db()
    assert ada_key.revoked_at is not None
    assert known.times[bytes(ada_key.public_key)] == int(ada_key.revoked_at.timestamp() * 1000)
    assert KeyRevocationList.objects.count() == 2


def test_a_revocation_taken_back_in_the_database_is_not_taken_back_at_workers(ada_key: ApproverKey) -> None:
    ensure_issuer()
    revoke(person=ada_key.person, key_id=ada_key.pk, reason="lost")
    known = KeyRevocations(TrustedRoots(trusted_roots()))
    known.apply(signed_list() or b"")
    ApproverKey.objects.update(revoked_at=None)
    known.apply(signed_list() or b"")
    assert bytes(ada_key.public_key) in known
