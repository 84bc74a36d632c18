"""Receipts on their way to the ledger: none is lost while the database is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from django.db import OperationalError, connection

from approvals.contracts import ReceiptRecord
from audit.models import LedgerEntry, RecordedReceipt
from tests.audit.evidence import READ, Evidence
from tests.workers.records import CHAIN, INCIDENT, mint, record, recorded
from workers.database import in_thread
from workers.receipts import DatabaseReceiptSink
from workers.recording import MalformedRecord, record_receipts

Record = Callable[[Sequence[ReceiptRecord]], None]


@pytest.fixture
def sinks() -> Iterator[Callable[..., DatabaseReceiptSink]]:
    made: list[DatabaseReceiptSink] = []

    def make(**options: object) -> DatabaseReceiptSink:
        made.append(DatabaseReceiptSink(**options))
        return made[-1]

    yield make
    for sink in made:
        sink.close(timeout_seconds=2)


@pytest.fixture
def incident(transactional_db: None) -> None:
    mint()


@pytest.mark.django_db(transaction=True)
async def test_after_a_flush_everything_written_before_is_in_the_ledger_in_order(sinks, incident):
    sink = sinks()
    for sequence in range(1, 51):
        sink.write(record(sequence))
    await sink.flush()
    assert await in_thread(_recorded) == list(range(1, 51))
    kinds = await in_thread(lambda: set(LedgerEntry.objects.filter(chain=CHAIN).values_list("kind", flat=True)))
    assert kinds == {"warrant.minted", "call.allowed"}


@pytest.mark.django_db(transaction=True)
async def test_a_receipt_that_comes_twice_is_recorded_once(sinks, incident):
    sink = sinks()
    sink.write(record(1))
    sink.write(record(1))
    await sink.flush()
    assert await in_thread(_recorded) == [1]
    assert sink.lost == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="locks the whole database, as SQLite does")
async def test_nothing_is_lost_while_another_process_holds_the_database(sinks, incident, caplog):
    refused = threading.Event()

    def impatiently(records: Sequence[ReceiptRecord]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout=10")
        try:
            record_receipts(records)
        except OperationalError:
            refused.set()
            raise

    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    sink = sinks(record=impatiently)
    for sequence in range(1, 6):
        sink.write(record(sequence))
    assert await asyncio.to_thread(refused.wait, 10)
    other.execute("ROLLBACK")
    other.close()
    await sink.flush()
    assert await in_thread(_recorded) == [1, 2, 3, 4, 5]
    assert sink.lost == 0
    assert "trying again" in caplog.text


async def test_a_database_that_was_away_for_long_gets_everything_when_it_is_back(sinks):
    flaky = Flaky(failures=4)
    sink = sinks(record=flaky)
    for sequence in range(1, 1001):
        sink.write(record(sequence))
    await sink.flush()
    assert flaky.written == list(range(1, 1001))
    assert flaky.attempts > 4
    assert sink.lost == 0


async def test_one_receipt_that_can_never_be_written_keeps_back_no_other(sinks, caplog):
    flaky = Flaky(malformed={3})
    sink = sinks(record=flaky)
    for sequence in range(1, 6):
        sink.write(record(sequence))
    await sink.flush()
    assert flaky.written == [1, 2, 4, 5]
    assert sink.lost == 1
    assert "A receipt is lost" in caplog.text


async def test_when_too_many_wait_the_loss_is_counted_aloud(sinks, caplog):
    gate = threading.Event()
    entered = threading.Event()

    def stuck(records: Sequence[ReceiptRecord]) -> None:
        entered.set()
        gate.wait(10)

    sink = sinks(record=stuck, capacity=10)
    sink.write(record(1))
    assert await asyncio.to_thread(entered.wait, 10)
    for sequence in range(2, 15):
        sink.write(record(sequence))
    gate.set()
    await sink.flush()
    assert sink.lost == 3
    assert "10 others wait" in caplog.text


async def test_stopping_while_the_database_is_away_takes_a_bounded_time_and_says_what_is_lost(caplog):
    sink = DatabaseReceiptSink(record=Flaky(failures=10**6))
    sink.write(record(1))
    sink.write(record(2))
    await asyncio.wait_for(asyncio.to_thread(sink.close, timeout_seconds=0.3), 5)
    assert sink.lost == 2
    assert "does not answer" in caplog.text


async def test_a_flush_that_is_given_up_stops_nothing(sinks):
    gate = threading.Event()
    flaky = Flaky()

    def slow(records: Sequence[ReceiptRecord]) -> None:
        gate.wait(10)
        flaky(records)

    sink = sinks(record=slow)
    sink.write(record(1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sink.flush(), 0.05)
    gate.set()
    sink.write(record(2))
    await sink.flush()
    assert flaky.written == [1, 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"receipt": "no hexadecimal"},
        {"arguments_cbor": "*"},
        {"verdict": "maybe"},
        {"approvals": ["?"]},
        {"worker": "\x1b[2J\x00"},
        {"worker": "w" * 201},
        {"sequence": 0},
        {"sequence": 2**70},
    ],
)
def test_a_malformed_record_is_refused_and_leaves_nothing_half_written(incident, changes):
    with pytest.raises(MalformedRecord, match=r"Receipt \d+ of worker '.*' cannot be written") as raised:
        record_receipts([record(1), replace(record(2), **changes)])
    assert str(raised.value).isprintable()
    assert _recorded() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"receipt": "00ff"}, id="no receipt"),
        pytest.param({"verdict": "gated"}, id="another verdict"),
        pytest.param({"tool": "restart_service"}, id="another tool"),
        pytest.param({"arguments_cbor": "oA=="}, id="other arguments"),
        pytest.param({"request_id": "apr_waiting"}, id="another request"),
        pytest.param({"at_ms": 1}, id="another time"),
        pytest.param({"chain": "tnu_wrt_" + "0" * 32}, id="another incident"),
        pytest.param({"chain": "keys"}, id="the chain of keys"),
        pytest.param({"warrant_chain": []}, id="no warrant"),
    ],
)
def test_a_forged_record_is_refused(incident, changes):
    """Whoever can start a workflow can report receipts."""
    with pytest.raises(MalformedRecord):
        record_receipts([record(2, **changes)])
    assert LedgerEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_receipt_by_a_key_that_nobody_endorsed_is_refused(incident):
    stranger = Evidence(root=INCIDENT.root, holder=INCIDENT.holder)
    stranger.warrant, stranger.warrant_chain = INCIDENT.warrant, INCIDENT.warrant_chain
    details = stranger.call_details("read_logs", READ)
    with pytest.raises(MalformedRecord, match="no trusted root endorsed"):
        record_receipts([recorded(details, READ)])
    assert LedgerEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_genuine_receipt_sent_again_under_another_number_is_not_recorded_again(incident):
    record_receipts([record(1)])
    record_receipts([replace(record(1), sequence=7), record(1, worker="another")])
    assert _recorded() == [1]
    with pytest.raises(MalformedRecord, match="Another receipt"):
        record_receipts([replace(record(2), sequence=1)])


@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_names_an_unknown_request_is_evidence_all_the_same(incident):
    details = INCIDENT.call_details("read_logs", READ, request_id="apr_unknown")
    record_receipts([recorded(details, READ)])
    assert _recorded() == [details["worker_sequence"]]


class Flaky:
    """A ledger that is away for the first ``failures`` attempts and refuses ``malformed`` sequences."""

    def __init__(self, *, failures: int = 0, malformed: set[int] = frozenset()) -> None:
        self.written: list[int] = []
        self.attempts = 0
        self._failures, self._malformed = failures, malformed

    def __call__(self, records: Sequence[ReceiptRecord]) -> None:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise OperationalError("the database is away")
        if any(one.sequence in self._malformed for one in records):
            raise MalformedRecord("It cannot be written.")
        self.written += [one.sequence for one in records]


def _recorded() -> list[int]:
    return list(RecordedReceipt.objects.order_by("entry__sequence").values_list("sequence", flat=True))
