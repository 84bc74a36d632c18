"""A ledger to take populations from, and what becomes of a file on its way."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest import mock

from asgiref.sync import async_to_sync
from django.db import transaction

from audit.access import Everywhere, Reach
from audit.ledger.services import append
from audit.log.services import integrate
from audit.models import Export, LedgerEntry
from audit.population import services
from audit.population.contracts import ExportForm
from audit.population.exporting import Order, Rights
from audit.rings.services import ensure_ring
from audit.search.contracts import Search
from audit.statements import cbor
from audit.statements.kinds import EntryKind

ALL = Everywhere()
REASONS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "'quoted", 'said "no",\r\nand left', "plain")


@contextmanager
def at(moment: str) -> Iterator[None]:
    """Let entries be written at ``moment``, in UTC."""
    then = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1_000_000_000)
    with mock.patch("audit.ledger.services.time.time_ns", return_value=then):
        yield


def write(
    kind: EntryKind,
    *,
    chain: str = "tnu_wrt_1",
    namespace: str = "payments",
    arguments: dict[str, object] | None = None,
    **details: object,
) -> LedgerEntry:
    attachments = {} if arguments is None else {"arguments": cbor.encode(arguments)}
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
        written += [write(EntryKind.CALL_ALLOWED, tool="read_logs", arguments={"lines": 50, "service": "CANARY-argument"})]
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


def objects(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def newest() -> Export:
    return Export.objects.latest("begun_at")


def gathered(parts: AsyncIterator[bytes]) -> bytes:
    async def gather() -> bytes:
        return b"".join([part async for part in parts])

    return async_to_sync(gather)()
