"""Taking exports of Temporal Cloud into the archive: each run once, however often Temporal Cloud wrote it.

Temporal Cloud writes files of many runs, at least once each, below
``temporal-workflow-history/export/NAMESPACE/YEAR/MONTH/DAY/HOUR/MINUTE/``. Their runs get objects and manifests like
all others, in the namespace's one chain, so that neither an export nor another import lists them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from temporalio.api.history.v1 import HistoryEvent

from workers.export import histories, ledger, manifests
from workers.export.archives import Archive, Shelf, open_archive
from workers.export.chain import Chain, naming
from workers.export.errors import ExportError, TargetUnreachable, TargetUnusable
from workers.export.folder import Folder
from workers.export.manifests import Entry, Manifest

_CLOUD = re.compile(r"(?:^|/)export/([^/]+)/[0-9]{4}/[0-9]{2}/[0-9]{2}/")
# A lock that would end in the past is refused; what is that old needs none.
_SHORTEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Source:
    """Files to import: their names in ``archive``, and what stands before those in the address."""

    archive: Archive
    names: tuple[str, ...]
    address: str


@dataclass
class Imported:
    """What came of an import. ``faults`` holds a sentence for each file that was left out."""

    files: int = 0
    runs: int = 0
    known: int = 0
    manifests: int = 0
    faults: list[str] = field(default_factory=list)


def open_source(address: str) -> Source:
    """Return the files at ``address``: a file, a folder with all below it, or ``s3://bucket/prefix``.

    Raises ``TargetUnusable`` if there are none.
    """
    parts = urlsplit(address)
    if parts.scheme == "s3":
        archive: Archive = open_archive(f"s3://{parts.netloc}")
        key = unquote(parts.path).strip("/")
        names = tuple(archive.names(key)) or ((key,) if key else ())
    else:
        path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(address)
        archive = Folder(path.parent)
        names = (path.name,) if path.is_file() else tuple(archive.names(path.name)) if path.is_dir() else ()
    if not names:
        raise TargetUnusable(f"There is no file at {address!r} to import.")
    return Source(archive, names, address)


def namespace_of(source: Source) -> str:
    """Return the namespace that the files' folders name. Raises ``TargetUnusable`` if that is not exactly one."""
    found = {match[1] for name in source.names if (match := _CLOUD.search(f"{source.address}/{name}"))}
    if len(found) != 1:
        raise TargetUnusable(
            f"The folders at {source.address!r} name {len(found)} namespaces. Say which one's runs these are: "
            "--namespace NAME."
        )
    return found.pop()


def import_files(source: Source, archive: Archive, *, namespace: str, retention: timedelta) -> Imported:
    """Import every file of ``source``. Doing it again, or after it was cut off, is harmless.

    Raises ``ExportError`` if the archive cannot be used, or was written to by somebody else meanwhile.
    """
    shelf, imported = Shelf(archive, namespace), Imported()
    chain = Chain(shelf)
    head = chain.at(ledger.recorded(namespace))
    known = chain.known(head, since=None)
    for batch in _batches(_files(source, imported), known, imported):
        retain_until = _retained(max(entry.closed_at for entry, _, _ in batch), retention)
        for entry, content, _ in batch:
            shelf.put_same(
                manifests.object_name(entry.object), content, retain_until=_retained(entry.closed_at, retention)
            )
        head = _append(shelf, head, batch, retain_until)
        imported.manifests += 1
        imported.runs += len(batch)
    return imported


Found = tuple[Entry, bytes, str]  # a run, its object, and the digest of the file it stands in


def _append(shelf: Shelf, head: Manifest | None, batch: list[Found], retain_until: datetime) -> Manifest:
    sources = tuple(dict.fromkeys(source for _, _, source in batch))
    runs = tuple(entry for entry, _, _ in batch)
    manifest = manifests.next_import(head, namespace=shelf.namespace, sources=sources, runs=runs)
    shelf.put_same(manifest.name, manifest.to_bytes(), retain_until=retain_until)
    ledger.record(manifest)
    return manifest


def _files(source: Source, imported: Imported) -> Iterator[tuple[str, list[tuple[Entry, bytes]]]]:
    """Return each file's digest and runs. A file that cannot be read whole is left out whole."""
    for name in source.names:
        imported.files += 1
        try:
            with naming(name):
                content = source.archive.get(name)
                runs = [_run(history.events) for history in histories.read(content)]
        except TargetUnreachable:
            raise
        except ExportError as error:
            imported.faults.append(str(error))
            continue
        yield histories.digest_of(content), runs


def _run(events: Iterable[HistoryEvent]) -> tuple[Entry, bytes]:
    content = histories.to_object(events)
    facts = histories.facts_of(histories.read_one(content))
    return Entry.about(facts, content), content


def _batches(
    files: Iterable[tuple[str, list[tuple[Entry, bytes]]]], known: set[str], imported: Imported
) -> Iterator[list[Found]]:
    """Return the runs that are not ``known`` yet, as many at once as a manifest lists."""
    batch: list[Found] = []
    for source, runs in files:
        for entry, content in runs:
            if entry.run_id in known:
                imported.known += 1
                continue
            known.add(entry.run_id)
            batch.append((entry, content, source))
            if len(batch) == manifests.MAXIMUM_RUNS:
                yield batch
                batch = []
    if batch:
        yield batch


def _retained(closed_at: datetime, retention: timedelta) -> datetime:
    return max(closed_at + retention, datetime.now(UTC) + _SHORTEST)
