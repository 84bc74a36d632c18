"""Which tools workers say they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.utils import timezone

from accounts.roles.queries import Reach
from warrants.catalogue.contracts import MAXIMUM_NAME, MAXIMUM_TOOLS, STALE_AFTER, CatalogueTool, Parameter
from warrants.errors import WarrantError
from warrants.models import ReportedTool
from warrants.policies import queries as policies

PER_PAGE = 50
# Of one page: a name that is had on very many task queues is not shown with all of them.
_MOST_PLACES = 1_000
_Form = tuple[str, tuple[Parameter, ...], str]


@dataclass(frozen=True, slots=True)
class ToolCard:
    """A tool, when a worker last said that it has it, and the names of the policies in force that allow it."""

    tool: CatalogueTool
    seen_at: datetime
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolList:
    """One page of tools by name; ``uncovered`` counts the names, on all pages, that no policy in force allows.

    ``full`` are the namespaces with as many tools as are kept, so that others were left out.
    """

    page: Page
    cards: list[ToolCard]
    uncovered: int
    full: list[str]


def tools(names: Collection[str] | None = None) -> list[CatalogueTool]:
    """Return the tools of all namespaces by name, or those of ``names``; ``MAXIMUM_TOOLS`` rows are read at most."""
    rows = ReportedTool.objects.order_by("name", "namespace", "task_queue")
    if names is not None:
        rows = rows.filter(name__in=names)
    return [tool for tool, _ in _grouped(rows[:MAXIMUM_TOOLS])]


def listed(*, within: Reach, search: str = "", only_uncovered: bool = False, page: str = "") -> ToolList:
    """Return a page of the tools in the namespaces ``within`` whose names have ``search`` in them."""
    seen = ReportedTool.objects.all()
    if not within.everywhere:
        seen = seen.filter(namespace__in=within.namespaces)
    allowed = _allowed_by()
    names = seen.order_by("name").values_list("name", flat=True).distinct()
    if search.isprintable():  # PostgreSQL refuses to look for some of what is not
        names = names.filter(name__icontains=search[:MAXIMUM_NAME])
    uncovered = names.exclude(name__in=list(allowed))
    shown = Paginator(uncovered if only_uncovered else names, PER_PAGE).get_page(page)
    rows = seen.filter(name__in=list(shown)).order_by("name", "namespace", "task_queue")
    cards = [ToolCard(tool, at, allowed.get(tool.name, ())) for tool, at in _grouped(rows[:_MOST_PLACES])]
    return ToolList(shown, cards, uncovered.count(), [one for one in full_namespaces() if one in within])


def is_known() -> bool:
    """Return whether a worker reported lately, so that what is missing says something."""
    return ReportedTool.objects.filter(seen_at__gte=timezone.now() - STALE_AFTER).exists()


def full_namespaces() -> list[str]:
    """Return the namespaces that have as many tools as are kept: others were left out."""
    counted = ReportedTool.objects.order_by("namespace").values_list("namespace").annotate(Count("pk"))
    return [namespace for namespace, count in counted if count >= MAXIMUM_TOOLS]


def _grouped(rows: Iterable[ReportedTool]) -> list[tuple[CatalogueTool, datetime]]:
    """Return ``rows`` as tools, those that are alike as one, with the time when each was last seen."""
    places: dict[_Form, list[str]] = defaultdict(list)
    seen: dict[_Form, datetime] = {}
    for row in rows:
        parameters = tuple(Parameter(name, type_name, required) for name, type_name, required in row.parameters)
        form = (row.name, parameters, row.description)
        places[form].append(f"{row.namespace}/{row.task_queue}")
        seen[form] = max(seen.get(form, row.seen_at), row.seen_at)
    stale = timezone.now() - STALE_AFTER
    return [
        (CatalogueTool(name, parameters, about, tuple(where), seen[form] < stale), seen[form])
        for form, where in places.items()
        for name, parameters, about in [form]
    ]


def _allowed_by() -> Mapping[str, tuple[str, ...]]:
    """Return which policies in force allow a tool, by its name; one that cannot be used allows nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for name in policies.names():
        try:
            allowed = policies.load(name).tools
        except WarrantError:
            continue
        found |= {tool: (*found.get(tool, ()), name) for tool in allowed}
    return found
