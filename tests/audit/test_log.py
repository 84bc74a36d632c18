"""Every entry gets a place in its namespace's log, once; roots and proofs come from a few tiles."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction

from audit.keys.queries import service_public_key
from audit.ledger.services import append
from audit.log import queries
from audit.log.errors import LogBroken, NotInLog
from audit.log.services import integrate, origin_of
from audit.models import Leaf, LedgerEntry, Log, LogCheckpoint, PendingLeaf, Tile
from audit.rings.services import ensure_ring
from audit.statements import merkle
from audit.statements.kinds import EntryKind
from audit.statements.notes import Checkpoint, open_checkpoint
from workers import integrating

PAYMENTS = "payments"


def write(chain: str = "tnu_wrt_1", count: int = 1, namespace: str = PAYMENTS) -> list[LedgerEntry]:
    with transaction.atomic():
        return [
            append(chain=chain, kind=EntryKind.RUN_COMPLETED, details={"number": number}, namespace=namespace)
            for number in range(count)
        ]


@pytest.fixture
def rings(db: None) -> None:
    """The namespaces' rings, whose own entries would be counted otherwise, are there and in the log."""
    with transaction.atomic():
        for namespace in (PAYMENTS, "billing"):
            ensure_ring(namespace=namespace)
    integrate()


def leaves_of(namespace: str) -> list[bytes]:
    rows = Leaf.objects.filter(log__namespace=namespace).order_by("position")
    return [merkle.leaf_hash(bytes(entry_hash)) for entry_hash in rows.values_list("entry__entry_hash", flat=True)]


def newest(namespace: str) -> Checkpoint:
    return open_checkpoint(queries.newest_checkpoint(namespace).encode(), service_public_key("ledger"))


@pytest.mark.usefixtures("rings")
def test_entries_wait_and_then_have_places_in_the_order_they_were_written() -> None:
    entries = [*write("tnu_wrt_1", 2), *write("tnu_wrt_2"), *write("tnu_wrt_1")]
    assert PendingLeaf.objects.count() == 4
    assert not Leaf.objects.filter(entry__in=entries).exists()
    with pytest.raises(NotInLog):
        queries.inclusion_of(entries[0])
    assert integrate() == 4
    assert integrate() == 0
    assert not PendingLeaf.objects.exists()
    leaves = Log.objects.get(namespace=PAYMENTS).leaves.order_by("position")
    assert list(leaves.values_list("position", "entry")) == [
        (position, entry.pk) for position, entry in enumerate(entries)
    ]
    assert newest(PAYMENTS) == Checkpoint("localhost:5050/ledger/payments", 4, merkle.root_of(leaves_of(PAYMENTS)))


@pytest.mark.usefixtures("rings")
def test_each_namespace_has_a_log_and_the_installation_has_one() -> None:
    write("tnu_wrt_1", 2, PAYMENTS)
    write("tnu_wrt_2", 1, "billing")
    write("keys", 3, "")
    integrate()
    assert {(log.namespace, log.origin, log.size) for log in Log.objects.all()} == {
        (PAYMENTS, "localhost:5050/ledger/payments", 2),
        ("billing", "localhost:5050/ledger/billing", 1),
        ("", "localhost:5050/ledger", 5),
    }
    assert set(queries.newest_checkpoints()) == {PAYMENTS, "billing", ""}


@pytest.mark.usefixtures("rings")
def test_a_log_keeps_its_name_when_the_site_moves(settings: Any) -> None:
    write()
    integrate()
    settings.SITE_ROOT = "https://elsewhere.example.com"
    write()
    integrate()
    assert (newest(PAYMENTS).origin, newest(PAYMENTS).size) == ("localhost:5050/ledger/payments", 2)


def test_no_namespace_makes_a_name_that_is_none(settings: Any) -> None:
    settings.SITE_ROOT = "https://countersign.example.com"
    assert origin_of("a b+c/d\n") == "countersign.example.com/ledger/a%20b%2Bc%2Fd%0A"
    assert origin_of("..") != origin_of("")


@pytest.mark.usefixtures("rings")
def test_over_many_tiles_every_root_and_proof_is_that_of_the_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of four, so that three levels of them are full."""
    monkeypatch.setattr("audit.log.tiles.WIDTH", 4)
    monkeypatch.setattr("audit.log.tiles._HEIGHT", 2)
    for count in (1, 2, 1, 5, 30, 31):
        write(count=count)
        integrate(batch=7)
        leaves = leaves_of(PAYMENTS)
        assert newest(PAYMENTS).root == merkle.root_of(leaves)
    log = Log.objects.get(namespace=PAYMENTS)
    assert log.size == 70
    assert set(log.tiles.values_list("level", flat=True)) == {0, 1, 2, 3}
    for checkpoint in log.checkpoints.all():
        seen = open_checkpoint(checkpoint.note.encode(), service_public_key("ledger"))
        assert seen.root == merkle.root_of(leaves[: seen.size])
        merkle.verify_consistency(
            first=seen.size,
            second=70,
            first_root=seen.root,
            second_root=newest(PAYMENTS).root,
            proof=queries.consistency_of(log, seen.size, 70),
        )
    for entry in LedgerEntry.objects.filter(leaf__log=log):
        included = queries.inclusion_of(entry)
        merkle.verify_inclusion(
            leaf=merkle.leaf_hash(bytes(entry.entry_hash)),
            index=included.position,
            size=included.size,
            proof=included.proof,
            root=open_checkpoint(included.note.encode(), service_public_key("ledger")).root,
        )


@pytest.mark.usefixtures("rings")
def test_a_proof_reads_a_tile_for_each_level(django_assert_max_num_queries: Any) -> None:
    entry, *_ = write(count=600)
    integrate()
    tiles = Tile.objects.filter(log__namespace=PAYMENTS)
    assert {(tile.level, tile.index, len(tile.hashes) // 32) for tile in tiles} == {
        (0, 0, 256), (0, 1, 256), (0, 2, 88), (1, 0, 2),
    }  # fmt: skip
    with django_assert_max_num_queries(5):  # leaf, checkpoint, and tiles 0/0, 1/0, 0/2
        queries.inclusion_of(entry)


@pytest.mark.usefixtures("rings")
@pytest.mark.parametrize("damage", ["tile", "cut tile", "lost tile", "note", "other note", "lost note", "size"])
def test_a_log_that_is_not_what_was_signed_gets_no_further_signature(damage: str) -> None:
    write(count=3)
    write("keys", namespace="")
    integrate()
    log, tile = Log.objects.get(namespace=PAYMENTS), Tile.objects.get(log__namespace=PAYMENTS)
    notes = LogCheckpoint.objects.filter(log=log)
    if damage == "tile":
        Tile.objects.filter(pk=tile.pk).update(hashes=bytes(32) + bytes(tile.hashes)[32:])
    elif damage == "cut tile":
        Tile.objects.filter(pk=tile.pk).update(hashes=bytes(tile.hashes)[32:])
    elif damage == "lost tile":
        tile.delete()
    elif damage == "note":
        notes.update(note=notes.get().note.replace("\n3\n", "\n4\n"))
    elif damage == "other note":
        notes.update(note=queries.newest_checkpoint(""))
    elif damage == "lost note":
        notes.delete()
    else:
        Log.objects.filter(pk=log.pk).update(size=2)
    write()
    write("keys", namespace="")
    with pytest.raises(LogBroken, match="Nothing more of localhost:5050/ledger/payments is signed"):
        integrate()
    assert newest("").size == 4, "the other logs go on"
    assert PendingLeaf.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_several_integrators_give_every_entry_one_place() -> None:
    write("tnu_wrt_1", 20)
    write("tnu_wrt_2", 20, "billing")

    def work(number: int) -> None:
        try:
            write(f"tnu_wrt_{3 + number}", 5)
            for _ in range(5):
                integrate(batch=3)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(work, range(4)))
    integrate()
    assert not PendingLeaf.objects.exists()
    for namespace, size in ((PAYMENTS, 40), ("billing", 20)):
        log = Log.objects.get(namespace=namespace)
        assert log.size == size
        assert list(log.leaves.order_by("position").values_list("position", flat=True)) == list(range(size))
        assert newest(namespace).root == merkle.root_of(leaves_of(namespace))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("rings")
def test_an_entry_that_is_not_committed_keeps_nobody_waiting() -> None:
    """Neither the integrator, nor others: it gets its place later."""
    if connection.vendor == "sqlite":
        return  # one writer at a time: nothing is written beside it

    def elsewhere() -> int:
        try:
            write("tnu_wrt_2")
            return integrate()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        (late,) = write("tnu_wrt_1")
        assert executor.submit(elsewhere).result(timeout=20) == 1
    integrate()
    assert Leaf.objects.get(entry=late).position == 1


@pytest.mark.django_db(transaction=True)
async def test_the_process_integrates_and_goes_on_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns, done = [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def turn() -> int:
        turns.append(1)
        if len(turns) == 1:
            raise LogBroken("somewhere/ledger", "It is cut.")
        loop.call_soon_threadsafe(done.set)
        return 0

    monkeypatch.setattr(integrating, "integrate", turn)
    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(integrating.keep_integrating(every=0, pause=0))
        await asyncio.wait_for(done.wait(), 10)
    task.cancel()
    assert "nothing is signed" in caplog.text
