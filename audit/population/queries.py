"""Reading who took evidence away. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from audit.access import Reach
from audit.models import Export
from audit.population.contracts import ExportForm, ExportState
from audit.population.exporting import DIED, is_dead

NEWEST = 100
NEWEST_OF_ONE = 3


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One export as a page shows it. ``count`` is None until the population is counted; ``search`` are its terms."""

    id: str
    person: str
    form: ExportForm
    search: list[tuple[str, str]]
    count: int | None
    sent: int
    root: str
    periods: list[dict[str, object]]
    namespaces: list[str]
    state: ExportState
    why: str
    begun_at: datetime
    ended_at: datetime | None

    @property
    def form_name(self) -> str:
        return {ExportForm.CSV: "CSV", ExportForm.JSON_LINES: "JSON Lines"}.get(self.form, "a bundle")

    @property
    def is_running(self) -> bool:
        return self.state is ExportState.RUNNING

    @property
    def is_complete(self) -> bool:
        return self.state is ExportState.COMPLETE


def exports(*, within: Reach, person: str, limit: int = NEWEST) -> list[ExportLine]:
    """Return the newest exports of anything in the namespaces ``within``, and ``person``'s own, newest first."""
    return [_line(export, within) for export in _seen(within, person).order_by("-begun_at", "pk")[:limit]]


def newest_of(person: str, *, within: Reach) -> list[ExportLine]:
    """Return ``person``'s own newest exports: what is running, and one or two before."""
    own = Export.objects.prefetch_related("namespaces").filter(person=person)
    return [_line(export, within) for export in own.order_by("-begun_at", "pk")[:NEWEST_OF_ONE]]


def _seen(within: Reach, person: str) -> QuerySet[Export]:
    exports = Export.objects.prefetch_related("namespaces")
    if within.everywhere:
        return exports
    of_theirs = Export.objects.filter(namespaces__namespace__in=within.namespaces).values("pk")
    return exports.filter(Q(person=person) | Q(pk__in=of_theirs))


def _line(export: Export, within: Reach) -> ExportLine:
    state, why = ExportState(export.state), export.why
    if is_dead(export):
        state, why = ExportState.BROKEN_OFF, DIED
    names = [row.namespace for row in export.namespaces.all()]
    return ExportLine(
        id=str(export.pk),
        person=export.person,
        form=ExportForm(export.form),
        search=sorted(export.search.items()),
        count=export.count,
        sent=export.sent,
        root=bytes(export.root).hex() if export.root is not None else "",
        periods=export.periods,
        namespaces=[name for name in names if within.everywhere or name in within.namespaces],
        state=state,
        why=why,
        begun_at=export.begun_at,
        ended_at=export.ended_at,
    )
