"""Entries reach a file or an HTTPS endpoint: each at least once, in order, whatever fails on the way."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from audit.custody import CustodyError
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.ledger.services import append
from audit.log.reading import advance
from audit.log.services import integrate
from audit.models import EntryStream
from audit.rings.services import ensure_ring
from audit.statements.kinds import EntryKind
from audit.streaming import lines, services
from audit.streaming.contracts import Target
from audit.streaming.files import FileTarget
from audit.streaming.https import HttpsTarget
from audit.streaming.queries import Lag, lags
from tests.audit.siem import DROP, HANG, Siem, serving
from tests.audit.streaming_process import BATCH
from tests.gateway.issuing import Authority
from tests.prepared import prepare
from tests.workers.processes import BASE, Installation
from tests.workers.processes import until as wait_until
from workers.database import in_thread
from workers.streaming import Pace, keep_streaming

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = "tnu_wrt_payments"
QUICK = Pace(first=0.02, longest=0.1, by_people=0.05)
SECRET = "canary-8d1f-what-the-agent-said"
FIELDS = [
    "version", "id", "at", "namespace", "incident", "chain", "sequence", "kind", "decision", "tool", "agent", "person",
    "key", "request_id", "workflow_id", "entry_hash", "previous", "readable",
]  # fmt: skip


@pytest.fixture(autouse=True)
def ring(transactional_db: None) -> None:
    with transaction.atomic():
        ensure_service_key(purpose=Purpose.LEDGER)
        ensure_ring(namespace="payments")
    integrate()
    # The log of the installation's own chains was sent long ago.
    for reader in services.streams():
        advance(reader, reader.log.size)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(tmp_path: Path, authority: Authority) -> Iterator[Siem]:
    with serving(tmp_path, authority) as found:
        yield found


def write(count: int = 1, *, kind: EntryKind = EntryKind.CALL_DENIED, **details: Any) -> None:
    said = {"tool": "delete_database", "person": "local:ada", "key": bytes(32), "request_id": "apr_1", **details}
    with transaction.atomic():
        for _ in range(count):
            append(chain=CHAIN, kind=kind, details=said, namespace="payments", label="P1042")
    integrate()


def to(siem: Siem, authority: Authority, **options: Any) -> HttpsTarget:
    return HttpsTarget(siem.url, authorities=authority.certificate.decode(), **options)


@asynccontextmanager
async def streaming(target: Target, **options: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_streaming(target, **{"every": 0.02, "pace": QUICK, **options}))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=20)


async def until(is_so: Callable[[list[Lag]], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so(await in_thread(lags)):  # noqa: ASYNC110  rows tell nobody that they changed
            await asyncio.sleep(0.02)


async def sent_of(siem: Siem, target: Target, count: int, *, requests: int = 0, **options: Any) -> list[dict[str, Any]]:
    """Stream until the endpoint has ``count`` lines of payments, and return them."""
    async with streaming(target, **options):
        await asyncio.to_thread(siem.until, count, requests=requests)
        await until(lambda found: not any(lag.behind for lag in found))
    return of_payments(siem.lines)


def of_payments(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in found if line["chain"] == CHAIN]


# --- The line -----------------------------------------------------------------------------------


async def test_a_line_has_the_documented_fields_and_no_content(siem: Siem, authority: Authority) -> None:
    minted = {"agent": {"name": "incident-agent"}, "incident": {"title": SECRET}, "workflow_id": "wf-1"}
    await in_thread(write, kind=EntryKind.WARRANT_MINTED, tool="", **minted)
    await in_thread(write, detail=SECRET, reason=SECRET, code="NOT_ALLOWED", arguments=[SECRET])
    lines = await sent_of(siem, to(siem, authority), 2)
    assert [list(line) for line in lines] == [FIELDS] * 2
    assert SECRET not in json.dumps(siem.lines)
    denied = lines[1]
    assert denied["id"] == "localhost:5050/ledger/payments#" + denied["id"].partition("#")[2]
    assert datetime.fromisoformat(denied["at"]).utcoffset() == timedelta(0)
    expected = {
        "namespace": "payments", "incident": "P1042", "sequence": 2, "kind": "call.denied", "decision": "denied",
        "tool": "delete_database", "agent": "incident-agent", "person": "local:ada", "key": "00" * 32,
        "request_id": "apr_1", "workflow_id": None, "previous": lines[0]["entry_hash"], "readable": True,
    }  # fmt: skip
    assert {name: denied[name] for name in expected} == expected


async def test_no_text_of_an_agent_ends_the_line_or_makes_it_endless(siem: Siem, authority: Authority) -> None:
    await in_thread(write, tool="a\n{\u2028\x00" + "x" * 9000, person=7)
    (line,) = await sent_of(siem, to(siem, authority), 1)
    assert (line["tool"][:4], len(line["tool"]), line["person"]) == ("a\n{\u2028", lines.MAXIMUM_TEXT, None)


async def test_an_entry_that_does_not_open_any_more_is_sent_all_the_same(siem: Siem, authority: Authority) -> None:
    await in_thread(write)
    await in_thread(_spoil)
    (line,) = await sent_of(siem, to(siem, authority), 1)
    assert (line["readable"], line["tool"], line["kind"], line["sequence"]) == (False, None, "call.denied", 1)


def _spoil() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_ledgerentry SET envelope = %s WHERE chain_id = %s", [b"\xff\x02k1gone", CHAIN])


async def test_while_the_rings_are_away_entries_wait_and_none_is_sent_without_its_fields(
    siem: Siem, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_thread(write)
    away = True
    real = lines.statements.parse

    def parse(data: bytes) -> Any:
        if away:
            raise CustodyError("The key service is away.")
        return real(data)

    monkeypatch.setattr(lines.statements, "parse", parse)
    async with streaming(to(siem, authority)):
        await until(lambda found: any("is away" in lag.error for lag in found))
        assert siem.lines == []
        away = False
        await asyncio.to_thread(siem.until, 1)
    assert of_payments(siem.lines)[0]["tool"] == "delete_database"


# --- HTTPS --------------------------------------------------------------------------------------


async def test_batches_arrive_in_order_and_once(siem: Siem, authority: Authority) -> None:
    await in_thread(write, 25)
    found = await sent_of(siem, to(siem, authority), 25, batch=10)
    assert [line["sequence"] for line in found] == list(range(1, 26))
    assert siem.headers[0]["content-type"] == "application/x-ndjson"
    assert max(siem.batches) == 10


@pytest.mark.parametrize("status", [429, 500, 413, 400, 403, 308, DROP])
async def test_whatever_the_endpoint_answers_no_entry_is_skipped(
    siem: Siem, authority: Authority, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    await in_thread(write, 8)
    siem.answers.extend([(status, {"location": siem.url + "/elsewhere"})] * 3)
    found = await sent_of(siem, to(siem, authority), 8)
    assert [line["sequence"] for line in found] == list(range(1, 9))
    assert len(siem.asked) >= 4
    heals = status in (429, 500, 413, DROP)
    said = [one for one in caplog.records if "wait to be sent" in one.message]
    assert {one.levelname for one in said} == {"WARNING" if heals else "CRITICAL"}
    assert siem.url not in caplog.text


async def test_what_is_too_large_for_the_endpoint_goes_in_smaller_batches(siem: Siem, authority: Authority) -> None:
    await in_thread(write, 8)
    siem.answers.extend([(413, {})] * 2)
    found = await sent_of(siem, to(siem, authority), 8, batch=8)
    assert [line["sequence"] for line in found] == list(range(1, 9))
    assert siem.batches[0] == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_the_endpoint_is_left_alone_for_as_long_as_it_asks(siem: Siem, authority: Authority, form: str) -> None:
    await in_thread(write)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    siem.answers.append((503, {"retry-after": "1" if form == "seconds" else date}))
    await sent_of(siem, to(siem, authority), 1)
    assert siem.asked[1] - siem.asked[0] >= 0.9


async def test_an_endpoint_that_does_not_answer_is_given_up_after_a_bounded_time(
    siem: Siem, authority: Authority
) -> None:
    await in_thread(write)
    siem.answers.append((HANG, {}))
    await sent_of(siem, to(siem, authority, seconds=0.3), 1)
    assert 0.2 < siem.asked[1] - siem.asked[0] < 5


async def test_the_token_is_read_for_every_connection_and_stands_in_no_log(
    siem: Siem, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = tmp_path / "token"
    token.write_text("first-secret\n")
    target = to(siem, authority, token_file=token)
    await in_thread(write)
    siem.answers.append((403, {}))
    async with streaming(target):
        await asyncio.to_thread(siem.until, 1)
        token.write_text("Splunk second-secret\n")
        await in_thread(write)
        await asyncio.to_thread(siem.until, 2)
    sent = [headers["authorization"] for headers in siem.headers]
    assert (sent[0], sent[-1]) == ("Bearer first-secret", "Splunk second-secret")
    assert "secret" not in caplog.text
    assert "403" in caplog.text


# --- Several processes, and people who look -----------------------------------------------------


async def test_of_several_processes_one_sends_and_another_goes_on_when_it_ends(
    siem: Siem, authority: Authority
) -> None:
    await in_thread(write, 30)
    async with streaming(to(siem, authority), batch=5):
        async with streaming(to(siem, authority), batch=5), streaming(to(siem, authority), batch=5):
            await asyncio.to_thread(siem.until, 30)
        await in_thread(write, 10)
        await asyncio.to_thread(siem.until, 40)
    # What was taken from a process as it ended may come twice.
    assert list(dict.fromkeys(line["sequence"] for line in of_payments(siem.lines))) == list(range(1, 41))


def test_a_process_that_is_gone_holds_the_stream_for_the_length_of_its_lease() -> None:
    write(1)
    (reader,) = [one for one in services.streams() if one.log.namespace == "payments"]
    assert services.take(reader, holder="gone", lease_seconds=60, limit=9) is not None
    assert services.take(reader, holder="other", lease_seconds=60, limit=9) is None
    assert services.take(reader, holder="gone", lease_seconds=-1, limit=9) is not None
    assert services.take(reader, holder="other", lease_seconds=60, limit=9) is not None


def test_nobody_sends_before_the_endpoint_wants_it_whoever_was_told() -> None:
    write(1)
    (reader,) = [one for one in services.streams() if one.log.namespace == "payments"]
    services.take(reader, holder="one", lease_seconds=60, limit=9)
    services.failed(reader, error="No.", retry_seconds=60)
    services.release("one")
    assert services.take(reader, holder="other", lease_seconds=60, limit=9) is None


def test_the_lag_and_the_last_error_are_shown(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="SIEM_TARGET is empty"):
        call_command("stream_entries")
    settings.SIEM_TARGET = "/var/log/entries.jsonl"
    write(3)
    (reader,) = [one for one in services.streams() if one.log.namespace == "payments"]
    call_command("stream_entries")
    assert "payments: 3 entries were not sent yet, the oldest of" in capsys.readouterr().out
    services.take(reader, holder="one", lease_seconds=60, limit=9)
    services.failed(reader, error="siem.example.com answered 403.", retry_seconds=60)
    with pytest.raises(SystemExit) as ended:
        call_command("stream_entries")
    assert ended.value.code == 1
    assert "siem.example.com answered 403." in capsys.readouterr().out
    batch = services.take(reader, holder="one", lease_seconds=60, limit=9)
    assert batch is None
    EntryStream.objects.update(retry_at=None)
    batch = services.take(reader, holder="one", lease_seconds=60, limit=9)
    assert batch is not None
    services.sent(batch)


async def test_everything_is_sent_again_on_request(siem: Siem, authority: Authority, settings: Any) -> None:
    settings.SIEM_TARGET = siem.url
    await in_thread(write, 4)
    async with streaming(to(siem, authority)):
        await asyncio.to_thread(siem.until, 4)
        await until(lambda found: not any(lag.behind for lag in found))
        await in_thread(call_command, "stream_entries", from_start=True)
        await asyncio.to_thread(siem.until, 9)
    assert [line["sequence"] for line in of_payments(siem.lines)] == [1, 2, 3, 4] * 2
    assert len({line["id"] for line in of_payments(siem.lines)}) == 4


# --- A file -------------------------------------------------------------------------------------


async def test_a_full_disk_keeps_entries_waiting_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, full = tmp_path / "entries.jsonl", os.write, True

    def write_some(file: int, data: Any) -> int:
        if full and len(data) < 100:
            raise OSError(28, "No space left on device")
        return real(file, bytes(data[: max(1, len(data) // 2)]) if full else data)

    await in_thread(write, 3)
    monkeypatch.setattr(os, "write", write_some)
    async with streaming(FileTarget(path)):
        await until(lambda found: any("No space left" in lag.error for lag in found))
        full = False
        await until(lambda found: not any(lag.behind for lag in found))
    whole = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}") and line[:1] == b"{"]
    assert [line["sequence"] for line in of_payments(whole)][-3:] == [1, 2, 3]


def test_a_process_that_is_killed_again_and_again_loses_nothing_and_repeats_a_batch_at_most(tmp_path: Path) -> None:
    """Real processes, and SIGKILL wherever they are."""
    entries, kills = 150, 2
    data, path = tmp_path / "data", tmp_path / "entries.jsonl"
    data.mkdir()
    prepare(data)
    secret = {name: os.environ[name] for name in ("SECRET_KEY", "KEY_ENCRYPTION_KEY")}
    installation = Installation(data, SIEM_TARGET=str(path), **secret)
    command = [sys.executable, "-m", "tests.audit.streaming_process", str(entries)]

    def ids() -> list[str]:
        taken = path.read_bytes().splitlines() if path.exists() else []
        return [json.loads(line)["id"] for line in taken if line.endswith(b"}")]

    for number in range(kills + 1):
        process = subprocess.Popen(command, cwd=BASE, env=installation.environment)
        wanted = entries if number == kills else len(ids()) + random.randrange(1, 40)
        try:
            wait_until(lambda: len(set(ids())) >= min(wanted, entries), seconds=60)  # noqa: B023
        finally:
            process.kill()
            process.wait()
    found = Counter(ids())
    assert len(found) == entries
    assert sum(found.values()) - entries <= kills * BATCH
