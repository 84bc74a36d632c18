"""Whoever keeps up with a log takes every entry once, in order, and goes on where it stopped."""

from __future__ import annotations

import pytest
from django.db import transaction

from audit.ledger.services import append
from audit.log.reading import advance, behind, next_entries, readers
from audit.log.services import integrate
from audit.models import LogReader
from audit.rings.services import ensure_ring
from audit.statements.kinds import EntryKind

pytestmark = pytest.mark.django_db


def write(count: int, namespace: str = "payments") -> None:
    with transaction.atomic():
        for number in range(count):
            append(
                chain=f"tnu_wrt_{namespace}",
                kind=EntryKind.RUN_COMPLETED,
                details={"number": number},
                namespace=namespace,
            )


def reader(name: str = "test", namespace: str = "payments") -> LogReader:
    return next(found for found in readers(name) if found.log.namespace == namespace)


@pytest.fixture(autouse=True)
def ring() -> None:
    with transaction.atomic():
        ensure_ring(namespace="payments")


def test_entries_come_in_the_logs_order_and_none_twice() -> None:
    write(5)
    integrate()
    found, taken = reader(), []
    while entries := next_entries(found, limit=2):
        taken += [entry.leaf.position for entry in entries]
        assert advance(found, len(entries))
    assert taken == list(range(len(taken)))
    assert behind(found) == 0
    write(1)
    assert next_entries(found, limit=2) == []  # it waits for its place in the log
    integrate()
    assert behind(found) == 1
    assert [entry.kind for entry in next_entries(reader(), limit=2)] == [EntryKind.RUN_COMPLETED]


def test_what_was_taken_and_not_advanced_over_is_taken_again() -> None:
    write(2)
    integrate()
    assert next_entries(reader(), limit=1) == next_entries(reader(), limit=1)


def test_of_two_processes_at_the_same_place_one_moves_the_reader() -> None:
    write(2)
    integrate()
    one, other = reader(), reader()
    assert advance(one, 1)
    assert not advance(other, 1)
    assert reader().position == 1


def test_each_name_has_a_place_of_its_own() -> None:
    write(2)
    integrate()
    assert advance(reader("one"), 2)
    assert reader("other").position == 0
