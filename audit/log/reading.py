"""Taking the entries of a log in their order, from where one stopped: whoever keeps up with the ledger does it so.

    entries = next_entries(reader, limit=500)
    ...                                         # do with them what is to be done
    advance(reader, len(entries))

An entry that was taken and not advanced over is taken again. Only entries that are in the log's tree are seen.
"""

from __future__ import annotations

from django.db.models import F

from audit.models import LedgerEntry, Log, LogReader


def readers(name: str) -> list[LogReader]:
    """Return the reader ``name`` of every log, made where there is none yet, by namespace."""
    logs = Log.objects.order_by("namespace")
    return [LogReader.objects.select_related("log").get_or_create(log=log, name=name)[0] for log in logs]


def next_entries(reader: LogReader, *, limit: int) -> list[LedgerEntry]:
    """Return up to ``limit`` entries from the reader's position on, with their attachments, in the log's order."""
    places = reader.log.leaves.filter(position__gte=reader.position, position__lt=reader.position + limit)
    found = LedgerEntry.objects.filter(leaf__in=places).order_by("leaf__position").prefetch_related("attachments")
    return list(found)


def advance(reader: LogReader, count: int) -> bool:
    """Move the reader on by ``count`` entries. False if another process moved it meanwhile: then nothing changes."""
    here = LogReader.objects.filter(pk=reader.pk, position=reader.position)
    moved = here.update(position=F("position") + count) == 1
    if moved:
        reader.position += count
    return moved


def behind(reader: LogReader) -> int:
    """Return how many entries of its log the reader has not taken yet."""
    size = Log.objects.values_list("size", flat=True).get(pk=reader.log_id)
    return max(0, size - reader.position)
