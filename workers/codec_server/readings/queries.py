"""Reading who read payloads, from the ledger. Read only."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts.roles.queries import Reach
from audit.ledger.chains import Subject
from audit.ledger.queries import readable_details_of
from audit.models import LedgerChain, LedgerEntry
from audit.statements.kinds import EntryKind
from workers.codec_server.readings.contracts import Asked, Reading, Readings, sittings_of

# No page looks at more entries than this.
MAXIMUM_ENTRIES = 5_000


def namespaces(*, within: Reach) -> list[str]:
    """Return the namespaces ``within`` in which anybody ever read payloads, by name."""
    return sorted(_chains(within).values_list("namespace", flat=True))


def readings(asked: Asked, *, within: Reach) -> Readings:
    """Return what ``asked`` asks for, in the namespaces ``within``."""
    chains = _chains(within)
    if asked.namespace:
        chains = chains.filter(namespace=asked.namespace)
    entries = LedgerEntry.objects.filter(
        chain__in=chains,
        kind__in=(EntryKind.PAYLOAD_DECODED, EntryKind.PAYLOAD_ENCODED),
        at_ms__gte=_ms(asked.since),
        at_ms__lt=_ms(asked.until) + _ms_of(timedelta(days=1)),
    )
    rows = list(entries.order_by("-at_ms", "-pk")[: MAXIMUM_ENTRIES + 1])
    found = [_reading(entry) for entry in rows[:MAXIMUM_ENTRIES]]
    wanted = asked.person.casefold()
    return Readings(
        sittings=sittings_of([reading for reading in found if wanted in reading.person.casefold()]),
        namespaces=namespaces(within=within),
        is_cut=len(rows) > MAXIMUM_ENTRIES,
    )


def _chains(within: Reach) -> QuerySet[LedgerChain]:
    chains = LedgerChain.objects.filter(name__startswith=f"{Subject.PAYLOADS}.")
    return chains if within.everywhere else chains.filter(namespace__in=within.namespaces)


def _reading(entry: LedgerEntry) -> Reading:
    details: dict[str, Any] = readable_details_of(entry)
    return Reading(
        at=datetime.fromtimestamp(entry.at_ms / 1000, tz=UTC),
        person=details.get("person", "somebody: the entry cannot be read"),
        namespace=details.get("namespace", entry.chain.namespace),
        is_encoding=entry.kind == EntryKind.PAYLOAD_ENCODED,
        token=details.get("token", ""),
        workflows=tuple(details.get("workflows", ())),
        payloads=details.get("payloads", 0),
    )


def _ms(day: date) -> int:
    """Return when ``day`` begins, in milliseconds since 1970; days before that are the first."""
    return max(0, round(datetime.combine(day, time(), tzinfo=UTC).timestamp() * 1000))


def _ms_of(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
