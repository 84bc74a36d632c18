"""One page of what a search finds, in words: each hit is opened, as far as the person may see what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from audit.access import Reach
from audit.ledger.contracts import Tone
from audit.ledger.queries import UNREADABLE, details_of
from audit.ledger.wording import rows as readable_rows
from audit.ledger.wording import word
from audit.models import Attachment, IndexedEntry, TermSource
from audit.search.errors import MalformedSearch
from audit.search.facts import facts_of

PAGE = 50
MAXIMUM_COUNT = 10_000
_CURSOR = re.compile(r"(\d{1,15})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry. ``said`` is its reason or title; ``arguments`` only where the search was for arguments."""

    sequence: int
    at: datetime
    kind: str
    title: str
    detail: str
    tone: Tone
    said: str
    chain: str
    label: str
    namespace: str
    of_service: bool
    arguments: Sequence[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """``older`` leads to the page after, or is empty. ``count`` of all hits; ``has_more`` if it stopped counting."""

    hits: list[Hit]
    count: int
    has_more: bool
    older: str

    @property
    def count_words(self) -> str:
        if self.has_more:
            return f"More than {self.count:,} entries"
        return f"{self.count:,} {'entry' if self.count == 1 else 'entries'}" if self.count else "Nothing found"


def page(
    newest: QuerySet[Any, tuple[int, int]], *, content: Reach | None, before: str = "", arguments: bool = False
) -> Page:
    """Return the newest hits (``queries.newest``), or those older than ``before``. Raises ``MalformedSearch``.

    ``content`` are the namespaces of which the person may see what agents said; ``arguments``: show these as well.
    """
    rows = _rows([entry for _, entry in _older(newest, before)[: PAGE + 1]], arguments)
    shown = rows[:PAGE]
    count = newest.order_by()[: MAXIMUM_COUNT + 1].count()
    return Page(
        hits=[_hit(row, _reaches(content, row.namespace)) for row in shown],
        count=min(count, MAXIMUM_COUNT),
        has_more=count > MAXIMUM_COUNT,
        older=f"{shown[-1].at_ms}.{shown[-1].pk}" if len(rows) > PAGE else "",
    )


def _rows(entries: list[int], arguments: bool) -> list[IndexedEntry]:
    rows = IndexedEntry.objects.filter(pk__in=entries).order_by("-at_ms", "-pk").select_related("entry__chain")
    if arguments:
        attached = Attachment.objects.filter(name="arguments")
        rows = rows.prefetch_related(Prefetch("entry__attachments", queryset=attached, to_attr="asked"))
    return list(rows)


def _older(newest: QuerySet[Any, tuple[int, int]], before: str) -> QuerySet[Any, tuple[int, int]]:
    if not before:
        return newest
    match = _CURSOR.fullmatch(before)
    if match is None:
        raise MalformedSearch("This address does not lead to a page. Search again from the newest.", field="before")
    at_ms, entry = int(match[1]), int(match[2])
    # The last condition is what an index answers.
    return newest.filter(Q(at_ms__lt=at_ms) | Q(at_ms=at_ms, entry__lt=entry), at_ms__lte=at_ms)


def _reaches(content: Reach | None, namespace: str) -> bool:
    return content is not None and (content.everywhere or namespace in content.namespaces)


def _hit(row: IndexedEntry, shows_content: bool) -> Hit:
    entry, name = row.entry, row.kind.replace(".", "-")
    title, detail, tone, said = f"{name}: this entry cannot be read", "", Tone.DENIED, ""
    try:
        details = details_of(entry) if entry.envelope else None
        if details is None:
            title, tone = f"{name}: what it said was removed", Tone.SERVICE
        else:
            wording, facts = word(row.kind, details), facts_of(row.kind, details, None)
            title, tone = wording.title, wording.tone
            told = (wording.detail, _people(row, wording.title + wording.detail))
            detail = " · ".join(text for text in told if text)
            said = facts.said if shows_content or facts.source is TermSource.SAID_BY_PEOPLE else ""
    except UNREADABLE as error:
        detail = str(error)
    return Hit(
        sequence=entry.sequence,
        at=datetime.fromtimestamp(row.at_ms / 1000, tz=UTC),
        kind=row.kind,
        title=title,
        detail="" if detail == said else detail,
        tone=tone,
        said=said,
        chain=entry.chain_id,
        label=entry.chain.label,
        namespace=row.namespace,
        of_service=row.of_service,
        arguments=_arguments(row) if shows_content else [],
    )


def _people(row: IndexedEntry, told: str) -> str:
    """Return whom the words do not name yet."""
    return ", ".join(name for name in (row.person, f"by {row.by}" if row.by else "") if name and name not in told)


def _arguments(row: IndexedEntry) -> Sequence[tuple[str, str]]:
    for attachment in getattr(row.entry, "asked", []):
        try:
            return readable_rows(attachment.content) if attachment.content else []
        except UNREADABLE:
            return []
    return []
