"""A ledger of a million entries on PostgreSQL: pages of typical searches, and what the logs' upkeep costs then."""

from __future__ import annotations

import hashlib
import statistics
from typing import Any

from bench import filling
from bench.installation import database_ms, milliseconds
from bench.samples import compare, summary

TARGET_PAGE_MS = 50.0
TARGET_GROWTH = 1.5
BATCH = 500
LARGE, FRESH = "payments", "fresh"
_TILES_AT_ONCE = 256 * 64


def searches() -> dict[str, dict[str, str]]:
    """Return typical searches, as parameters of the page's address."""
    person = filling.PEOPLE[0]
    return {
        "everything": {},
        "person": {"person": person},
        "person, denials": {"person": person, "kind": "approval.denied"},
        "key": {"key": hashlib.sha256(filling.PEOPLE[20].encode()).hexdigest()[:12]},
        "agent": {"agent": filling.AGENTS[5]},
        "tool": {"tool": filling.TOOLS[0]},
        "rare tool": {"tool": filling.GATED[2], "namespace": "platform"},
        "refused calls": {"kind": "call.denied"},
        "incident": {"incident": "P123"},
        "workflow": {"workflow": "incident-P321"},
        "namespace": {"namespace": "billing"},
        "a day": {"from": "2026-03-01", "to": "2026-03-01"},
        "common word": {"text": filling.COMMON_WORD},
        "rare word": {"text": filling.RARE_WORD},
        "two words": {"text": f"{filling.COMMON_WORD} {filling.VOCABULARY[5]}"},
        "word, person": {"text": filling.COMMON_WORD, "person": person},
        "one value": {"value": f'"{filling.RARE_VALUE}"'},
        "frequent value": {"value": filling.SERVICES[0], "argument": "service"},
        "value, tool": {"value": filling.SERVICES[150], "tool": filling.TOOLS[6]},
        "nothing": {"tool": "no_such_tool"},
    }


def measure(entries: int, rounds: int) -> dict[str, Any]:
    """Fill the empty database with ``entries``, and measure ``rounds`` times each."""
    from django.db import connection

    filling.fill(entries)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('audit_ledgerentry', 'id'), %s)", [entries])
    return {"search": search_pages(entries, rounds), **upkeep(entries, rounds)}


def search_pages(entries: int, rounds: int) -> dict[str, Any]:
    """The database's time for the newest page of each search, as an auditor of everything opens it: all its queries."""
    from django.urls import reverse

    client = _auditor()
    pages, charts = {}, {}
    for name, parameters in searches().items():
        pages[name] = summary([_page_ms(client, reverse("search:search"), parameters) for _ in range(rounds)])
        charts[name] = summary([_page_ms(client, reverse("search:charts"), parameters) for _ in range(2)])
    medians = [float(one["median"]) for one in pages.values()]
    median = statistics.median(medians)
    return {
        "entries": entries,
        "searches": pages,
        "charts": charts,
        "slowest_ms": max(medians),
        "page_ms": round(median, 3),
        "target": TARGET_PAGE_MS,
        "reached": median <= TARGET_PAGE_MS,
    }


def _auditor() -> Any:
    from django.test import Client

    from accounts.roles.contracts import Role
    from tests.people import person

    client = Client(SERVER_NAME="localhost")
    client.force_login(person("auditor", Role.AUDITOR, Role.PAYLOAD_READER))
    return client


def _page_ms(client: Any, address: str, parameters: dict[str, str]) -> float:
    with database_ms() as taken:
        answer = client.get(address, parameters)
    if answer.status_code != 200:
        raise SystemExit(f"The search {parameters} was answered with {answer.status_code}.")
    return sum(taken)


def upkeep(entries: int, rounds: int) -> dict[str, Any]:
    """A batch of the integrator and of a reader, in a log with ``entries`` leaves, against one that is new."""
    from audit.log.reading import next_entries, readers
    from audit.models import LogReader

    _grow(entries)
    integrated: dict[str, list[float]] = {LARGE: [], FRESH: []}
    read: dict[str, list[float]] = {LARGE: [], FRESH: []}
    for number in range(rounds):
        for namespace in (FRESH, LARGE):
            _append(namespace, number)
            integrated[namespace].append(_integrate_ms(namespace))
            reader = next(one for one in readers("bench") if one.log.namespace == namespace)
            LogReader.objects.filter(pk=reader.pk).update(position=max(0, reader.log.size - BATCH))
            reader.refresh_from_db()
            read[namespace].append(milliseconds(lambda reader=reader: next_entries(reader, limit=BATCH)))
    return {
        "integrate": {"leaves": entries, **compare(integrated[LARGE], integrated[FRESH], TARGET_GROWTH)},
        "follow": {"leaves": entries, **compare(read[LARGE], read[FRESH], TARGET_GROWTH)},
    }


def _integrate_ms(namespace: str) -> float:
    from audit.log.services import integrate

    return milliseconds(lambda: integrate(batch=BATCH))


def _append(namespace: str, number: int) -> None:
    from django.db import transaction

    from audit.ledger.services import append
    from audit.statements.kinds import EntryKind

    details = {"workflow_id": "incident-P1", "run_id": "run-1", "namespace": namespace, "status": "completed"}
    with transaction.atomic():
        for _ in range(BATCH):
            append(chain=f"{namespace}-{number}", kind=EntryKind.RUN_COMPLETED, details=details, namespace=namespace)


def _grow(entries: int) -> None:
    """Put the filled entries into one log, signed, as if they had been integrated."""
    from django.db import connection

    from audit.keys.services import ledger_key
    from audit.log.services import origin_of
    from audit.log.tiles import Tiles
    from audit.models import Log, LogCheckpoint
    from audit.statements import merkle
    from audit.statements.notes import Checkpoint, sign_checkpoint

    log = Log.objects.create(namespace=LARGE, origin=origin_of(LARGE), size=entries)
    for start in range(0, entries, _TILES_AT_ONCE):
        numbers = range(start + 1, min(start + _TILES_AT_ONCE, entries) + 1)
        Tiles(log).extend(start, [merkle.leaf_hash(filling.entry_hash(number)) for number in numbers])
    checkpoint = Checkpoint(log.origin, entries, merkle.root(entries, Tiles(log).read))
    LogCheckpoint.objects.create(log=log, size=entries, note=sign_checkpoint(checkpoint, ledger_key()))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_leaf (log_id, position, entry_id) "
            "SELECT %s, id - 1, id FROM audit_ledgerentry WHERE id <= %s",
            [log.pk, entries],
        )
        cursor.execute("ANALYZE audit_leaf")
