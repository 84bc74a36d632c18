"""Which tools workers say they have."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from warrants.catalogue.contracts import MAXIMUM_TOOLS, STALE_AFTER, CatalogueTool, Parameter
from warrants.models import ReportedTool

_Form = tuple[str, tuple[Parameter, ...], str]


def tools(names: Collection[str] | None = None) -> list[CatalogueTool]:
    """Return the tools of all namespaces by name, or those of ``names``; ``MAXIMUM_TOOLS`` rows are read at most."""
    rows = ReportedTool.objects.order_by("name", "namespace", "task_queue")
    if names is not None:
        rows = rows.filter(name__in=names)
    return grouped(rows[:MAXIMUM_TOOLS])


def grouped(rows: QuerySet[ReportedTool]) -> list[CatalogueTool]:
    """Return ``rows``, which are in the order of names, as tools: those that are alike are one."""
    places: dict[_Form, list[str]] = {}
    seen: dict[_Form, datetime] = {}
    for row in rows:
        form = (row.name, parameters_of(row.parameters), row.description)
        places.setdefault(form, []).append(f"{row.namespace}/{row.task_queue}")
        seen[form] = max(seen.get(form, row.seen_at), row.seen_at)
    stale = timezone.now() - STALE_AFTER
    return [CatalogueTool(*form, tuple(where), seen[form] < stale) for form, where in places.items()]


def parameters_of(stored: list[Any]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, type_name, required) for name, type_name, required in stored)


def is_known() -> bool:
    """Return whether a worker reported lately, so that what is missing says something."""
    return ReportedTool.objects.filter(seen_at__gte=timezone.now() - STALE_AFTER).exists()


def full_namespaces() -> list[str]:
    """Return the namespaces that have as many tools as are kept: others were left out."""
    counted = ReportedTool.objects.order_by("namespace").values_list("namespace").annotate(Count("pk"))
    return [namespace for namespace, count in counted if count >= MAXIMUM_TOOLS]
