"""Manifests: which runs are in the archive, each once, in a chain of their digests. Pure.

One chain per namespace, numbered from 1. A manifest is canonical JSON (sorted keys, no spaces, UTF-8, one newline):

    {"format": "countersign-export-v1", "namespace", "number",
     "kind": "window" | "import",
     "previous": SHA-256 of the manifest before, or "" for the first,
     "window": {"start", "end", "is_complete"} of this manifest, or, for an import, of the last window before it,
     "imported_until": when the latest run that was ever imported was closed, or "",
     "sources": [SHA-256 of an imported file],
     "runs": [{"workflow_id", "run_id", "type", "status", "closed_at", "object", "bytes"}],
     "gone": [{"workflow_id", "run_id", "closed_at"}] that the server still listed but held no more}

Windows follow each other without a gap. One with many runs has several manifests; the last is complete. A run that
was closed before its manifest's window became visible late. Times are UTC with microseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from workers.export.errors import ArchiveBroken
from workers.export.histories import STATUSES, RunFacts, digest_of

FORMAT = "countersign-export-v1"
MAXIMUM_BYTES = 64 * 1024 * 1024
# So that a manifest stays small enough to be read, and an export that was cut off repeats little.
MAXIMUM_RUNS = 1000
Bytes = bytes  # an entry has a field of that name
WINDOW, IMPORT = "window", "import"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"manifests/([0-9]{8})\.json")
_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """Closed runs from ``start`` up to ``end``; complete when no manifest about it follows."""

    start: datetime
    end: datetime
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in the archive. ``object`` is the SHA-256 of the object's ``bytes`` bytes."""

    workflow_id: str
    run_id: str
    type: str
    status: str
    closed_at: datetime
    object: str
    bytes: int

    @classmethod
    def about(cls, facts: RunFacts, content: Bytes) -> Self:
        """Return the entry for a run whose object is ``content``."""
        return cls(**asdict(facts), object=digest_of(content), bytes=len(content))

    @property
    def facts(self) -> RunFacts:
        return RunFacts(self.workflow_id, self.run_id, self.type, self.status, self.closed_at)


@dataclass(frozen=True, slots=True)
class Gone:
    """A run that was deleted from the server between being listed and being read."""

    workflow_id: str
    run_id: str
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """See the module. ``window`` and ``imported_until`` are None before the first window and the first import."""

    namespace: str
    number: int
    kind: str
    previous: str
    window: Window | None
    imported_until: datetime | None
    sources: tuple[str, ...]
    runs: tuple[Entry, ...]
    gone: tuple[Gone, ...]

    @property
    def name(self) -> str:
        return name_of(self.number)

    @property
    def digest(self) -> str:
        return digest_of(self.to_bytes())

    def to_bytes(self) -> bytes:
        facts: dict[str, Any] = {**asdict(self), "format": FORMAT, "imported_until": _text(self.imported_until)}
        facts["window"] = self.window and {
            **asdict(self.window), "start": _text(self.window.start), "end": _text(self.window.end)
        }  # fmt: skip
        for name in ("runs", "gone"):
            facts[name] = [{**run, "closed_at": _text(run["closed_at"])} for run in facts[name]]
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def name_of(number: int) -> str:
    """Return the name of a namespace's manifest in the archive, below the namespace's folder."""
    return f"manifests/{number:08}.json"


def number_in(name: str) -> int:
    """Return the number in a manifest's name; 0 if it is none."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def object_name(digest: str) -> str:
    """Return the name of an object, below the namespace's folder."""
    return f"objects/{digest[:2]}/{digest}.binpb.gz"


def next_window(
    before: Manifest | None,
    *,
    namespace: str,
    window: Window,
    runs: tuple[Entry, ...],
    gone: tuple[Gone, ...] = (),
) -> Manifest:
    """Return the manifest about ``window`` that follows ``before``."""
    return replace(_after(before, namespace), window=window, runs=runs, gone=gone)


def next_import(
    before: Manifest | None, *, namespace: str, sources: tuple[str, ...], runs: tuple[Entry, ...]
) -> Manifest:
    """Return the manifest about imported ``runs`` that follows ``before``."""
    empty = _after(before, namespace)
    known = [empty.imported_until] if empty.imported_until else []
    until = max([*known, *(run.closed_at for run in runs)])
    return replace(empty, kind=IMPORT, imported_until=until, sources=sources, runs=runs)


def _after(before: Manifest | None, namespace: str) -> Manifest:
    return Manifest(
        namespace=namespace,
        number=before.number + 1 if before else 1,
        kind=WINDOW,
        previous=before.digest if before else "",
        window=before.window if before else None,
        imported_until=before.imported_until if before else None,
        sources=(),
        runs=(),
        gone=(),
    )


def require_link(manifest: Manifest, before: Manifest | None, *, namespace: str) -> None:
    """Raise ``ArchiveBroken`` unless ``manifest`` follows ``before`` (None: is the first) in ``namespace``'s chain."""
    if manifest.namespace != namespace:
        raise ArchiveBroken(f"It is about namespace {manifest.namespace!r}.")
    if manifest.number != (before.number + 1 if before else 1):
        raise ArchiveBroken(f"It is number {manifest.number} of its chain, which does not come next.")
    if manifest.previous != (before.digest if before else ""):
        raise ArchiveBroken("It does not follow the manifest before it: one of the two was changed or left out.")
    if manifest.kind == IMPORT:
        _require(manifest == next_import(before, namespace=namespace, sources=manifest.sources, runs=manifest.runs))
        return
    _require(manifest.imported_until == (before.imported_until if before else None))
    last, window = before.window if before else None, manifest.window
    _require(window is not None and (last is None or _follows(window, last)))


def _follows(window: Window, last: Window) -> bool:
    if last.is_complete:
        return window.start == last.end
    return (window.start, window.end) == (last.start, last.end)


def _require(is_so: bool) -> None:
    if not is_so:
        raise ArchiveBroken(
            "Its times do not follow from the manifest before it: windows would overlap or leave a gap."
        )


def parse(content: bytes) -> Manifest:
    """Return the manifest in ``content``. Raises ``ArchiveBroken`` unless they are exactly its bytes."""
    try:
        facts = json.loads(content)
        manifest = Manifest(
            namespace=_string(facts["namespace"]),
            number=_number(facts["number"]),
            kind=_one_of(facts["kind"], {WINDOW, IMPORT}),
            previous=_digest(facts["previous"]) if facts["previous"] else "",
            window=None if facts["window"] is None else _window(facts["window"]),
            imported_until=_time(facts["imported_until"]) if facts["imported_until"] else None,
            sources=_each(facts["sources"], _digest),
            runs=_each(facts["runs"], _entry),
            gone=_each(facts["gone"], _gone),
        )
        is_exact = manifest.to_bytes() == content
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        is_exact = False
    if not is_exact:
        raise ArchiveBroken("It is not a manifest of this archive, or was changed.")
    return manifest


def _window(facts: Any) -> Window:
    window = Window(_time(facts["start"]), _time(facts["end"]), facts["is_complete"])
    if window.start >= window.end or not isinstance(window.is_complete, bool):
        raise ValueError
    return window


def _entry(facts: Any) -> Entry:
    return Entry(
        _string(facts["workflow_id"]),
        _string(facts["run_id"]),
        _string(facts["type"]),
        _one_of(facts["status"], STATUSES),
        _time(facts["closed_at"]),
        _digest(facts["object"]),
        _number(facts["bytes"]),
    )


def _gone(facts: Any) -> Gone:
    return Gone(_string(facts["workflow_id"]), _string(facts["run_id"]), _time(facts["closed_at"]))


def _each(items: Any, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    if not isinstance(items, list):
        raise ValueError
    return tuple(read(item) for item in items)


def _string(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _TEXT:
        raise ValueError
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError
    return value


def _one_of(value: Any, allowed: set[str] | frozenset[str]) -> str:
    if value not in allowed:
        raise ValueError
    return str(value)


def _digest(value: Any) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError
    return str(value)


def _time(value: Any) -> datetime:
    return datetime.strptime(value, _TIME).replace(tzinfo=UTC)


def _text(value: datetime | None) -> str:
    # Not strftime, which pads years as the C library likes.
    if value is None:
        return ""
    moment = value.astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def floor(moment: datetime, window: timedelta) -> datetime:
    """Return the start of the window that ``moment`` is in: windows are counted from 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // window * window
