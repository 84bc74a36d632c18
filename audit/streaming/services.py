"""The stream's place and pace, which all processes share. One process at a time sends of a log: it holds a lease.

    for reader in streams():
        batch = take(reader, holder=..., lease_seconds=..., limit=...)
        ...                                         # send batch.data
        sent(batch)                                 # or failed(batch, ...)

A batch that was taken and not marked as sent is taken again, perhaps by another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit.log.reading import advance, next_entries, readers
from audit.models import EntryStream, Leaf, LedgerEntry, Log, LogReader
from audit.streaming.lines import facts_of, line_of

NAME = "siem"
_MAXIMUM_ERROR = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """``data`` are ``count`` lines, from where ``reader`` is; ``failures``: how often sending failed just before."""

    reader: LogReader
    data: bytes
    count: int
    failures: int


def streams() -> list[LogReader]:
    """Return every log's place that has entries to send."""
    return [reader for reader in readers(NAME) if reader.position < reader.log.size]


def take(reader: LogReader, *, holder: str, lease_seconds: float, limit: int) -> Batch | None:
    """Return the next lines of a log, at most ``limit``, fewer after failures.

    None if another process sends, or nobody may yet. Raises ``CustodyError`` while what wraps the rings is away.
    """
    now = timezone.now()
    stream, _ = EntryStream.objects.get_or_create(log_id=reader.log_id)
    is_free = Q(holder__in=("", holder)) | Q(leased_until__lt=now)
    may_send = Q(retry_at=None) | Q(retry_at__lte=now)
    leased = EntryStream.objects.filter(is_free, may_send, pk=stream.pk).update(
        holder=holder, leased_until=now + timedelta(seconds=lease_seconds)
    )
    if not leased:
        return None
    reader.refresh_from_db(fields=["position"])
    stream.refresh_from_db(fields=["failures"])
    entries = next_entries(reader, limit=max(1, limit >> min(stream.failures, 16)))
    return Batch(reader, _lines(entries, reader.log.origin), len(entries), stream.failures) if entries else None


def sent(batch: Batch) -> None:
    """Go on after ``batch``, which the target has."""
    advance(batch.reader, batch.count)
    EntryStream.objects.filter(pk=batch.reader.log_id).update(
        failures=0, failing_since=None, retry_at=None, error="", sent_at=timezone.now()
    )


def failed(reader: LogReader, *, error: str, retry_seconds: float) -> None:
    """Remember that sending failed, for people, and that nobody tries again before ``retry_seconds`` are over."""
    now = timezone.now()
    EntryStream.objects.filter(pk=reader.log_id).update(
        failures=F("failures") + 1,
        failing_since=Coalesce("failing_since", now),
        retry_at=now + timedelta(seconds=retry_seconds),
        error=error[:_MAXIMUM_ERROR],
    )


def release(holder: str) -> None:
    """Leave all leases of ``holder`` to others."""
    EntryStream.objects.filter(holder=holder).update(holder="", leased_until=None)


def send_again() -> int:
    """Begin every log anew from its first entry, at once; return how many entries that are."""
    total = 0
    for log in Log.objects.all():
        LogReader.objects.update_or_create(log=log, name=NAME, defaults={"position": 0})
        total += log.size
    EntryStream.objects.update(retry_at=None)
    return total


def _lines(entries: list[LedgerEntry], origin: str) -> bytes:
    places = dict(Leaf.objects.filter(entry__in=entries).values_list("entry_id", "position"))
    agents = _agents({entry.chain_id for entry in entries})
    return b"".join(
        line_of(entry, origin=origin, position=places[entry.pk], agent=agents.get(entry.chain_id, ""))
        for entry in entries
    )


def _agents(chains: set[str]) -> dict[str, str]:
    """Return the agents of ``chains`` that are incidents: their first entry names them."""
    found = {}
    for entry in LedgerEntry.objects.filter(chain__in=chains, sequence=1):
        facts = facts_of(entry)
        agent = facts["details"].get("agent") if facts else None
        found[entry.chain_id] = str(agent.get("name", "")) if isinstance(agent, dict) else ""
    return found
