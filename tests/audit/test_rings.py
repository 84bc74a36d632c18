"""A namespace's ring in the database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.ledger.queries import details_of, is_incident
from audit.models import LedgerEntry, RingKey
from audit.rings.queries import NoRing, ring_of
from audit.rings.services import CHAIN, ensure_ring, rotate
from audit.sealing import seal, unseal
from audit.statements.kinds import EntryKind

pytestmark = pytest.mark.django_db


def test_a_ring_is_made_once() -> None:
    ensure_ring(namespace="prd")
    ensure_ring(namespace="prd")
    assert RingKey.objects.filter(namespace="prd").count() == 1


def test_each_namespace_has_its_own() -> None:
    ensure_ring(namespace="prd")
    ensure_ring(namespace="stg")
    assert not set(ring_of("prd").keys.values()) & set(ring_of("stg").keys.values())


def test_a_rotation_seals_with_a_new_key_and_still_opens_what_was_sealed() -> None:
    ensure_ring(namespace="prd")
    key_id, sealed = seal(ring_of("prd"), b"secret", context=b"x")
    rotated = rotate(namespace="prd", by="command line")
    ring = ring_of("prd")
    assert ring.current == rotated != key_id
    assert unseal(ring, key_id, sealed, context=b"x") == b"secret"


def test_keys_are_stored_wrapped() -> None:
    ensure_ring(namespace="prd")
    (key,) = ring_of("prd").keys.values()
    assert key not in bytes(RingKey.objects.get().wrapped_key)


def test_a_ring_is_read_in_one_query() -> None:
    ensure_ring(namespace="prd")
    rotate(namespace="prd", by="command line")
    with CaptureQueriesContext(connection) as queries:
        ring_of("prd")
    assert len(queries) == 1


def test_the_ledger_says_which_key_was_made_and_by_whom() -> None:
    ensure_ring(namespace="prd")
    rotate(namespace="prd", by="local:grace")
    made = [details_of(entry) for entry in LedgerEntry.objects.filter(chain=CHAIN, kind=EntryKind.RING_KEY_MADE)]
    assert [(entry["by"], entry["number"], entry["namespace"]) for entry in made] == [
        ("setup", 1, "prd"),
        ("local:grace", 2, "prd"),
    ]
    assert not is_incident(CHAIN)


def test_a_namespace_without_a_ring_says_how_to_make_one() -> None:
    with pytest.raises(NoRing, match=r"manage\.py setup"):
        ring_of("prd")
