"""Pictures of what a search finds: how much there was, how often people approved, and how long they took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

from django.db.models import Count, F, IntegerField, Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression

from audit.models import IndexedEntry
from audit.statements.kinds import EntryKind

DAY_MS = 86_400_000
# More columns than this would be too thin to see: then one stands for more than a day.
MAXIMUM_COLUMNS = 92
MAXIMUM_DECISIONS = 50_000
HEIGHT, STEP, WIDTH = 100, 20, 14
_LEAST = 2


@dataclass(slots=True)
class Span:
    """What was found on ``days`` days from ``first`` on; the last one may reach beyond what was asked for."""

    first: date
    days: int
    total: int = 0
    approved: int = 0
    denied: int = 0
    waited_ms: list[int] = field(default_factory=list)

    @property
    def approval_percent(self) -> int | None:
        decided = self.approved + self.denied
        return round(100 * self.approved / decided) if decided else None

    @property
    def median_words(self) -> str:
        """How long people took from the request to the decision, at the middle."""
        return in_words(median(self.waited_ms) / 1000) if self.waited_ms else ""


@dataclass(frozen=True, slots=True)
class Column:
    """A span in the picture: ``parts`` are (kind, top, height), kinds being approved, denied and rest."""

    span: Span
    x: int
    parts: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Charts:
    """``most``: of the fullest column. ``is_cut``: there were more decisions than times were read of."""

    whole: Span
    columns: list[Column]
    width: int
    most: int
    is_cut: bool
    height: int = HEIGHT
    bar_width: int = WIDTH


def charts(rows: QuerySet[IndexedEntry]) -> Charts | None:
    """Return the pictures of ``rows``, from the first day of any to the last; None of nothing. In two queries."""
    day = CombinedExpression(F("at_ms"), "/", Value(DAY_MS), output_field=IntegerField())
    approved, denied = (Q(kind=kind) for kind in (EntryKind.APPROVAL_GRANTED, EntryKind.APPROVAL_DENIED))
    counts = (
        rows.order_by()
        .annotate(day=day)
        .values("day")
        .annotate(total=Count("pk"), approved=Count("pk", filter=approved), denied=Count("pk", filter=denied))
        .order_by("day")
    )
    found: list[Any] = list(counts)
    if not found:
        return None
    decided = rows.filter(approved | denied, waited_ms__isnull=False).order_by("-at_ms")
    times = list(decided.values_list("at_ms", "waited_ms")[: MAXIMUM_DECISIONS + 1])
    spans = _spans(found, times[:MAXIMUM_DECISIONS])
    most = max(span.total for span in spans)
    columns = [Column(span, index * STEP + (STEP - WIDTH) // 2, _parts(span, most)) for index, span in enumerate(spans)]
    return Charts(_together(spans), columns, len(spans) * STEP, most, len(times) > MAXIMUM_DECISIONS)


def _spans(found: list[Any], times: Iterable[tuple[int, int | None]]) -> list[Span]:
    first, last = found[0]["day"], found[-1]["day"]
    days = -(-(last - first + 1) // MAXIMUM_COLUMNS)
    starts = range(first, last + 1, days)
    spans = [Span(datetime.fromtimestamp(start * DAY_MS / 1000, tz=UTC).date(), days) for start in starts]
    for row in found:
        span = spans[(row["day"] - first) // days]
        span.total += row["total"]
        span.approved += row["approved"]
        span.denied += row["denied"]
    waited: dict[int, list[int]] = defaultdict(list)
    for at_ms, waited_ms in times:
        waited[(at_ms // DAY_MS - first) // days].append(waited_ms or 0)
    for index, values in waited.items():
        if 0 <= index < len(spans):  # decided while the two queries ran
            spans[index].waited_ms = values
    return spans


def _together(spans: list[Span]) -> Span:
    return Span(
        first=spans[0].first,
        days=sum(span.days for span in spans),
        total=sum(span.total for span in spans),
        approved=sum(span.approved for span in spans),
        denied=sum(span.denied for span in spans),
        waited_ms=[waited for span in spans for waited in span.waited_ms],
    )


def _parts(span: Span, most: int) -> list[tuple[str, int, int]]:
    """Return the parts from the ground up; what there is of a kind is never too small to see."""
    counts = {"approved": span.approved, "denied": span.denied, "rest": span.total - span.approved - span.denied}
    heights = {kind: max(_LEAST, round(HEIGHT * count / most)) for kind, count in counts.items() if count}
    if heights:
        tallest = max(heights, key=lambda kind: heights[kind])
        heights[tallest] -= max(0, sum(heights.values()) - HEIGHT)
    parts, top = [], HEIGHT
    for kind, height in heights.items():
        top -= height
        parts.append((kind, top, height))
    return parts


def in_words(seconds: float) -> str:
    """Return a time span: ``2.4 s``, ``48 s``, ``3 min 20 s``, ``1 h 05 min``."""
    whole = round(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
