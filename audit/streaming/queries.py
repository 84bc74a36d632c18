"""How far the stream is behind, and why: for a page, and for monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from audit.access import Reach
from audit.models import EntryStream, Leaf, LogReader
from audit.streaming.services import NAME

LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Lag:
    """How the stream of one log fares. ``since`` is the oldest entry that was not sent; None if all were."""

    origin: str
    behind: int
    since: datetime | None
    error: str
    sent_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether people should look: sending fails, or an entry waits for longer than it should."""
        return bool(self.error) or (self.since is not None and timezone.now() - self.since > LATE)

    @property
    def sentence(self) -> str:
        if self.since is None:
            return f"{self.origin}: all entries were sent."
        entries = "1 entry was" if self.behind == 1 else f"{self.behind} entries were"
        why = f" {self.error}" if self.error else ""
        return f"{self.origin}: {entries} not sent yet, the oldest of {self.since:%d %b %Y, %H:%M:%S} UTC.{why}"


def lags(*, within: Reach | None = None) -> list[Lag]:
    """Return how the stream of every log fares that is ``within``, by namespace; those that never began too."""
    readers = LogReader.objects.filter(name=NAME).select_related("log").order_by("log__namespace")
    if within is not None and not within.everywhere:
        readers = readers.filter(log__namespace__in=within.namespaces)
    streams = {stream.pk: stream for stream in EntryStream.objects.all()}
    return [_lag(reader, streams.get(reader.log_id)) for reader in readers]


def _lag(reader: LogReader, stream: EntryStream | None) -> Lag:
    behind = max(0, reader.log.size - reader.position)
    waiting = Leaf.objects.filter(log=reader.log_id, position__gte=reader.position).order_by("position")
    at_ms = waiting.values_list("entry__at_ms", flat=True).first() if behind else None
    return Lag(
        origin=reader.log.origin,
        behind=behind,
        since=None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, tz=UTC),
        error=stream.error if stream else "",
        sent_at=stream.sent_at if stream else None,
    )
