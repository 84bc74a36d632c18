"""A ledger to take populations from, and what becomes of a file on its way."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from asgiref.sync import async_to_sync
from django.db import transaction

from audit.access import Everywhere, Reach
from audit.ledger.services import append
from audit.log.services import integrate
from audit.models import Export, IndexedEntry, Leaf, LedgerChain, LedgerEntry, Log, LogReader
from audit.population import services
from audit.population.contracts import ExportForm
from audit.population.exporting import Order, Rights
from audit.rings.services import ensure_ring
from audit.search.contracts import Search
from audit.search.queries import READER, place_of
from audit.statements import cbor
from audit.statements.entries import entry_hash
from audit.statements.kinds import EntryKind
from audit.statements.statements import Envelope

ALL = Everywhere()
CANARIES = ("CANARY-argument", "CANARY-detail", "CANARY-withdrawn")
REASONS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'quoted", 'said "no",\r\nand left', "plain")


@contextmanager
def at(moment: str) -> Iterator[None]:
    """Let entries be written at ``moment``, in UTC."""
    since_1970 = datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    with mock.patch("audit.ledger.services.time.time_ns", return_value=since_1970 // timedelta(microseconds=1) * 1000):
        yield


def write(
    kind: EntryKind,
    *,
    chain: str = "tnu_wrt_1",
    namespace: str = "payments",
    arguments: dict[str, object] | None = None,
    result: bytes | None = None,
    **details: object,
) -> LedgerEntry:
    attachments = {} if arguments is None else {"arguments": cbor.encode(arguments)}
    if result is not None:
        attachments["result"] = result
    with transaction.atomic():
        if namespace:
            ensure_ring(namespace=namespace)
        return append(
            chain=chain, kind=kind, details=details, attachments=attachments, label="P1042", namespace=namespace
        )


def a_year() -> list[LedgerEntry]:
    """Write entries of three months, two chains and two namespaces, several in one millisecond; integrate them."""
    written = []
    with at("2026-01-31T23:59:59.999"):
        written += [write(EntryKind.WARRANT_MINTED, agent={"name": "incident-agent"}, incident={"title": "Down"})]
        written += [
            write(EntryKind.CALL_ALLOWED, tool="read_logs", arguments={"lines": 50, "service": "CANARY-argument"})
        ]
        # A name that people would order elsewhere than its bytes.
        written += [write(EntryKind.CALL_DENIED, chain="tnu-wrt-2", tool="drop", detail="CANARY-detail")]
        written += [write(EntryKind.CALL_DENIED, chain="TNU_wrt_3", tool="drop", detail="CANARY-detail")]
    with at("2026-02-01"):
        for reason in REASONS:
            written.append(write(EntryKind.WARRANT_REVOKED, person="local:ada", reason=reason))
        written += [write(EntryKind.APPROVAL_WITHDRAWN, request_id="r1", reason="CANARY-withdrawn")]
    with at("2026-11-26T08:00:01.123"):
        written += [write(EntryKind.RUN_COMPLETED, chain="tnu_wrt_9", namespace="billing", status="completed")]
    integrate()
    return written


def many(count: int, *, name: str) -> None:
    """Store ``count`` long entries of a new chain, in the log and the index, without the work of signing each."""
    chain = LedgerChain.objects.create(name=name, size=count)
    log, _ = Log.objects.get_or_create(namespace="", defaults={"origin": "localhost:5050/ledger"})
    entries = [_unsigned(chain, sequence) for sequence in range(1, count + 1)]
    LedgerEntry.objects.bulk_create(entries, batch_size=1_000)
    Leaf.objects.bulk_create(
        [Leaf(log=log, position=position, entry=entry) for position, entry in enumerate(entries, log.size)]
    )
    IndexedEntry.objects.bulk_create(
        [
            IndexedEntry(
                entry=entry,
                chain=chain,
                place=place_of(name, entry.sequence),
                at_ms=entry.at_ms,
                kind=entry.kind,
                of_service=False,
            )
            for entry in entries
        ]
    )
    log.size += count
    log.save()
    LogReader.objects.update_or_create(log=log, name=READER, defaults={"position": log.size})


def _unsigned(chain: LedgerChain, sequence: int) -> LedgerEntry:
    at_ms, kind = 1_767_225_600_000 + sequence * 60_000, EntryKind.RUN_COMPLETED
    facts = {
        "at": at_ms, "attachments": {}, "chain": chain.pk, "details": {"detail": 4_000 * "x"}, "kind": kind.value,
        "previous": bytes(32), "sequence": sequence, "version": 1,
    }  # fmt: skip
    envelope = Envelope(cbor.encode(facts), bytes(32), bytes(64), facts)
    return LedgerEntry(
        chain=chain,
        sequence=sequence,
        kind=kind,
        at_ms=at_ms,
        envelope=envelope.to_bytes(),
        entry_hash=entry_hash(envelope.statement),
    )


def order(form: ExportForm, *, within: Reach = ALL, content: Reach | None = ALL, **terms: str) -> Order:
    rights = Rights(within, content)
    return Order(
        search=Search.from_parameters(terms),
        form=form,
        person="local:rita",
        rights=rights,
        rights_now=lambda: rights,
    )


def exported(asked: Order) -> bytes:
    """Return the whole file."""
    return b"".join(services.steps(services.begin(asked), asked))


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def objects(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def newest() -> Export:
    return Export.objects.latest("begun_at")


def gathered(parts: AsyncIterator[bytes]) -> bytes:
    async def gather() -> bytes:
        return b"".join([part async for part in parts])

    return async_to_sync(gather)()
