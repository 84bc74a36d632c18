"""Receipts on their way to the ledger: none is lost while the database is away."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import DataError, OperationalError, ProgrammingError, connection
from django.template.loader import render_to_string
from temporalio.service import RPCError, RPCStatusCode

from approvals.contracts import ClosingReport, ReceiptRecord
from audit.access import Everywhere
from audit.custody import CustodyError
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.ledger.queries import tree
from audit.log.services import integrate
from audit.models import LedgerEntry, RecordedReceipt
from audit.receipts.gaps import Gap, all_gaps, gaps_beside
from tests.audit.evidence import READ, Evidence
from tests.workers.records import CHAIN, INCIDENT, mint, record, recorded
from workers.database import in_thread
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.reporting import TemporalReceiptSink
from workers.receipts import DatabaseReceiptSink
from workers.recording import MalformedRecord, record_each, record_receipts

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


async def test_a_database_that_is_full_or_not_migrated_gets_everything_later(sinks, monkeypatch):
    monkeypatch.setattr("workers.receipts.LONGEST_DELAY_SECONDS", 0.01)
    for trouble in (OperationalError("disk full"), ProgrammingError("no such table"), CustodyError("KMS is away")):
        flaky = Flaky(failures=30, trouble=trouble)
        sink = sinks(record=flaky)
        sink.write(record(1))
        await sink.flush()
        assert flaky.written == [1]
        assert sink.lost == 0


async def test_one_receipt_that_nobody_foresaw_keeps_back_no_other_and_is_told(sinks, caplog, monkeypatch):
    monkeypatch.setattr("workers.receipts.LONGEST_DELAY_SECONDS", 0.01)
    flaky = Flaky(broken={3})
    sink = sinks(record=flaky)
    for sequence in range(1, 6):
        sink.write(record(sequence))
    await asyncio.wait_for(sink.flush(), 20)
    assert flaky.written == [1, 2, 4, 5]
    assert sink.lost == 1
    assert "3 of worker" in caplog.text
    assert "takes others, and not this one (DataError)" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_a_batch_from_elsewhere_one_that_is_refused_keeps_back_no_others(incident, caplog):
    with pytest.raises(MalformedRecord, match="Receipt 2"):
        record_each([record(1), record(2, verdict="maybe"), record(3), record(4, tool="other")])
    assert _recorded() == [1, 3]
    assert caplog.text.count("A receipt is lost") == 2


class Refusing:
    """A Temporal client whose server refuses batches of more than ``most`` receipts, and those numbered ``never``."""

    def __init__(self, most: int, never: set[int] = frozenset(), trouble: list[Exception] | None = None) -> None:
        self.taken: list[int] = []
        self._most, self._never, self._trouble = most, never, trouble or []

    async def start_workflow(self, name: str, report: ClosingReport, **options: object) -> None:
        if self._trouble:
            raise self._trouble.pop()
        numbers = [one.sequence for one in report.receipts]
        if len(numbers) > self._most or set(numbers) & self._never:
            raise RPCError("Blob data size exceeds limit.", RPCStatusCode.INVALID_ARGUMENT, b"")
        self.taken += numbers


async def test_what_temporal_finds_too_large_goes_in_smaller_batches_and_what_it_never_takes_is_told(caplog):
    client = Refusing(most=4, never={7})
    sink = TemporalReceiptSink(client)
    for sequence in range(1, 21):
        sink.write(record(sequence))
    await asyncio.wait_for(sink.flush(), 20)
    assert client.taken == [sequence for sequence in range(1, 21) if sequence != 7]
    assert sink.lost == 1
    assert "Temporal refuses it" in caplog.text


async def test_no_error_ends_the_sending_silently(monkeypatch, caplog):
    monkeypatch.setattr("workers.gates.reporting.FIRST_DELAY_SECONDS", 0.01)
    too_long = RPCError("grpc: received message larger than max", RPCStatusCode.RESOURCE_EXHAUSTED, b"")
    client = Refusing(most=99, trouble=[RuntimeError("no key"), TimeoutError(), too_long])
    sink = TemporalReceiptSink(client)
    sink.write(record(1))
    await asyncio.wait_for(sink.flush(), 20)
    assert client.taken == [1]
    assert caplog.text.count("receipts wait") == 3


def test_a_receipt_that_cannot_be_made_leaves_its_number_out(caplog):
    sink = InMemoryReceiptSink()
    writer = ReceiptWriter(sink=sink, signing_key=b"\x07" * 32, worker="w")
    writer._write(record(0))
    writer.emit_for_enforcement(None)  # outside of any activity nothing is known of the call
    writer._write(record(0))
    assert [one.sequence for one in sink.records] == [1, 3]
    assert writer.failures == 1
    assert "could not be written" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_holes_in_a_workers_sequence_are_seen(incident, capsys):
    record_receipts([replace(record(1), worker="one"), replace(record(2), worker="two"), record(5), record(6)])
    assert list(all_gaps()) == []  # what is missing may be on its way
    now = timedelta(0)
    name = record(5).worker
    expected = [Gap(name, 1, 4), Gap("two", 1, 1)]
    assert sorted(all_gaps(settled=now), key=lambda gap: gap.worker != name) == expected
    assert sorted(gaps_beside(CHAIN, settled=now), key=lambda gap: gap.worker != name) == expected
    record_receipts([record(8)])
    assert Gap(name, 7, 7) in gaps_beside(CHAIN, settled=now)
    assert Gap(name, 7, 7).sentence == f"Receipt 7 of worker {name} never came."


@pytest.mark.django_db(transaction=True)
def test_holes_are_told_on_the_incidents_page_and_by_verify_ledger(incident, capsys, monkeypatch):
    ensure_service_key(purpose=Purpose.LEDGER)
    record_receipts([record(2)])
    monkeypatch.setattr("audit.receipts.gaps.time", SimpleNamespace(time=lambda: 2**33))
    integrate()
    call_command("verify_ledger")  # and does not fail: nothing in the ledger was changed
    assert f"Receipt 1 of worker {record(2).worker} never came." in capsys.readouterr().out
    shown = tree(CHAIN, within=Everywhere(), content=None)
    assert shown.gaps == [f"Receipt 1 of worker {record(2).worker} never came."]
    page = render_to_string("audit/_tree.html", {"tree": shown})
    assert "Records of calls are missing" in page
    assert shown.gaps[0] in page


class Flaky:
    """A ledger that is away for the first ``failures`` attempts and refuses ``malformed`` sequences."""

    def __init__(
        self,
        *,
        failures: int = 0,
        malformed: set[int] = frozenset(),
        broken: set[int] = frozenset(),
        trouble: Exception | None = None,
    ) -> None:
        self.written: list[int] = []
        self.attempts = 0
        self._failures, self._malformed, self._broken = failures, malformed, broken
        self._trouble = trouble or OperationalError("the database is away")

    def __call__(self, records: Sequence[ReceiptRecord]) -> None:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise self._trouble
        if any(one.sequence in self._broken for one in records):
            raise DataError("what nobody foresaw")
        if any(one.sequence in self._malformed for one in records):
            raise MalformedRecord("It cannot be written.")
        self.written += [one.sequence for one in records]


def _recorded() -> list[int]:
    return list(RecordedReceipt.objects.order_by("entry__sequence").values_list("sequence", flat=True))
