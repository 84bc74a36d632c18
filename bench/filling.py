"""Filling a PostgreSQL database with a ledger's index, as large as one likes, within minutes.

Rows of the index are those of incidents that could have been; the entries beside them hold one envelope of usual
length, over and over, that nobody signed for them: what is measured is the search, not what it finds.

    python -m bench.filling 1000000        # into DATABASE_URL, which must be migrated and empty
"""

from __future__ import annotations

import hashlib
import random
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DAY_MS = 86_400_000
DAYS = 365
NAMESPACES = ("payments",) * 7 + ("billing",) * 2 + ("platform",)
ENTRIES_PER_INCIDENT = 100
TOOLS = tuple(f"read_{name}" for name in ("logs", "metrics", "orders", "traces", "tickets", "invoices", "deploys"))
GATED = ("restart_service", "refund_payment", "rotate_credentials")
PEOPLE = tuple(f"local:person-{number}" for number in range(40))
AGENTS = tuple(f"agent-{number}" for number in range(12))
SERVICES = tuple(f"service-{number}" for number in range(200))
VOCABULARY = tuple(f"word{number}" for number in range(20_000))
COMMON_WORD = "checked"  # in two of three reasons
RARE_WORD = "zanzibar"  # in one incident of a thousand
RARE_VALUE = "order-77"  # of one call
ENVELOPE_BYTES = 1_600


@dataclass(slots=True)
class _Entry:
    number: int
    chain: str
    sequence: int
    at_ms: int
    kind: str
    namespace: str
    tool: str = ""
    agent: str = ""
    person: str = ""
    key: str = ""
    request_id: str = ""
    workflow_id: str = ""
    waited_ms: int | None = None
    reason: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def fill(count: int, *, seed: int = 6) -> None:
    """Write ``count`` entries with their index, then let the database look at its tables."""
    from django.db import connection

    from audit.models import IndexedEntry, SearchTerm

    dropped = [(model, index) for model in (IndexedEntry, SearchTerm) for index in model._meta.indexes]
    with connection.schema_editor() as editor:
        for model, index in dropped:
            editor.remove_index(model, index)
    _copy(count, seed)
    with connection.schema_editor() as editor:
        for model, index in dropped:
            editor.add_index(model, index)
    with connection.cursor() as cursor:
        for model in (IndexedEntry, SearchTerm):
            cursor.execute(f"VACUUM ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
        cursor.execute("ANALYZE")


def _copy(count: int, seed: int) -> None:
    from django.db import connection, transaction

    from audit.search.keys import ensure_key

    keys = {namespace: ensure_key(namespace) for namespace in sorted(set(NAMESPACES))}
    envelope = random.Random(seed).randbytes(ENVELOPE_BYTES)
    terms: list[tuple[int, int, int, int]] = []
    for entries in _batches(_entries(count, seed), 10_000):
        with transaction.atomic():
            chains = {entry.chain: entry for entry in reversed(entries) if entry.sequence == 1}
            with connection.cursor() as cursor:
                # Nobody checks for every row that the one it names is there; only a superuser may.
                cursor.execute("SET LOCAL session_replication_role = replica")
                _rows(cursor, "audit_ledgerchain", ("name", "label", "namespace", "size", "head", "created_at"),
                      [(name, f"P{first.number}", first.namespace, first.sequence, bytes(32), _moment(first.at_ms))
                       for name, first in chains.items()])  # fmt: skip
                _rows(cursor, "audit_ledgerentry",
                      ("id", "chain_id", "sequence", "kind", "at_ms", "envelope", "entry_hash"),
                      [(entry.number, entry.chain, entry.sequence, entry.kind, entry.at_ms, envelope,
                        hashlib.sha256(str(entry.number).encode()).digest()) for entry in entries])  # fmt: skip
                _rows(cursor, "audit_indexedentry",
                      ("entry_id", "chain_id", "place", "at_ms", "kind", "namespace", "of_service", "tool", "agent",
                       "person", "by", "key", "by_key", "request_id", "workflow_id", "waited_ms", "state"),
                      [_index_row(entry) for entry in entries])  # fmt: skip
                terms = [row for entry in entries for row in _terms(entry, keys[entry.namespace])]
                _rows(cursor, "audit_searchterm", ("entry_id", "token", "at_ms", "source"), terms)
            sys.stderr.write(f"{entries[-1].number:,} entries\n")


def _rows(cursor: Any, table: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _index_row(entry: _Entry) -> tuple[Any, ...]:
    place = entry.chain.encode() + b"\0" + entry.sequence.to_bytes(8, "big")
    return (
        entry.number, entry.chain, place, entry.at_ms, entry.kind, entry.namespace, False, entry.tool, entry.agent,
        entry.person, "", entry.key, "", entry.request_id, entry.workflow_id, entry.waited_ms, 0,
    )  # fmt: skip


def _terms(entry: _Entry, key: bytes) -> Iterator[tuple[int, int, int, int]]:
    from audit.search.facts import Facts, terms_of
    from audit.search.tokens import token

    facts = Facts(said=entry.reason, arguments=entry.arguments)
    found = {token(key, source, word, name=name): source for source, name, word in terms_of(facts)}
    for number, source in found.items():
        yield entry.number, number, entry.at_ms, int(source)


def _entries(count: int, seed: int) -> Iterator[_Entry]:
    chance = random.Random(seed)
    now, number = int(time.time() * 1000), 0
    incidents = -(-count // ENTRIES_PER_INCIDENT)
    for incident in range(incidents):
        at_ms = now - DAYS * DAY_MS + incident * DAYS * DAY_MS // incidents
        chain, namespace = f"tnu_wrt_{secrets.token_hex(16)}", chance.choice(NAMESPACES)
        common: dict[str, Any] = {"chain": chain, "namespace": namespace, "agent": chance.choice(AGENTS)}
        for sequence, made in enumerate(_incident(chance, incident), start=1):
            number += 1
            if number > count:
                return
            at_ms += chance.randint(200, 4_000)
            yield _Entry(number=number, sequence=sequence, at_ms=at_ms, **common, **made)


def _incident(chance: random.Random, incident: int) -> Iterator[dict[str, Any]]:
    workflow = {"workflow_id": f"incident-P{incident}"}
    yield {"kind": "warrant.minted", "reason": _sentence(chance, 4)}
    for number in range(ENTRIES_PER_INCIDENT - 8):
        kind = "call.denied" if chance.random() < 0.03 else "call.allowed"
        yield {
            "kind": kind,
            "tool": _likely(chance, TOOLS),
            "arguments": _arguments(chance, incident, number),
            **workflow,
        }
    tool, request_id, arguments = chance.choice(GATED), secrets.token_hex(8), _arguments(chance, incident, 0)
    asked = {"tool": tool, "request_id": request_id, **workflow}
    yield {"kind": "call.gated", **asked, "arguments": arguments}
    yield {"kind": "approval.requested", **asked, "arguments": arguments}
    for _ in range(2):
        person = _likely(chance, PEOPLE)
        kind = "approval.denied" if chance.random() < 0.1 else "approval.granted"
        words = [COMMON_WORD] * (chance.random() < 0.66) + [RARE_WORD] * (incident % 1_000 == 7)
        reason, key = " ".join([*words, _sentence(chance, 8)]), hashlib.sha256(person.encode()).hexdigest()
        waited_ms = int(chance.lognormvariate(11, 1))
        yield {"kind": kind, **asked, "person": person, "key": key, "waited_ms": waited_ms, "reason": reason}
    yield {"kind": "call.allowed", **asked, "arguments": arguments}
    yield {"kind": "call.result", **asked}
    yield {"kind": "run.completed", **workflow}


def _arguments(chance: random.Random, incident: int, number: int) -> dict[str, str]:
    return {
        "service": _likely(chance, SERVICES),
        "lines": str(chance.choice((10, 50, 100, 500))),
        "order": f"order-{incident * ENTRIES_PER_INCIDENT + number}",
        "message": _sentence(chance, 3),
    }


def _sentence(chance: random.Random, words: int) -> str:
    return " ".join(_likely(chance, VOCABULARY) for _ in range(words))


def _likely(chance: random.Random, choices: tuple[str, ...]) -> str:
    """Return one of ``choices``, the first ones far more often than the last."""
    return choices[int(len(choices) ** chance.random()) - 1]


def _batches(entries: Iterator[_Entry], size: int) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _moment(at_ms: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)


if __name__ == "__main__":
    import django

    django.setup()
    fill(int(sys.argv[1]))
