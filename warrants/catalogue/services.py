"""Taking down which tools workers say they have."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from warrants.catalogue.contracts import (
    FORGOTTEN_AFTER,
    MAXIMUM_DESCRIPTION,
    MAXIMUM_NAME,
    MAXIMUM_PARAMETERS,
    MAXIMUM_TOOLS,
    MAXIMUM_TYPE,
    STALE_AFTER,
    CatalogueTool,
)
from warrants.models import ReportedTool

logger = logging.getLogger(__name__)


def record(*, namespace: str, task_queue: str, tools: Sequence[CatalogueTool]) -> int:
    """Take down that workers on ``task_queue`` in ``namespace`` have ``tools`` now; return how many were left out.

    ``namespace`` must be the server's word, the rest may be anybody's: names that are no printable text, tools with too
    many parameters, and those beyond ``MAXIMUM_TOOLS`` of the namespace are left out. The places of those that nobody
    has reported for ``STALE_AFTER`` are given away first. The log says how many; nothing is raised, for a worker could
    do nothing about it.
    """
    now = timezone.now()
    usable = {tool.name: tool for tool in tools[:MAXIMUM_TOOLS] if _is_name(task_queue) and _is_usable(tool)}
    with transaction.atomic():
        taken = sorted(_with_room(namespace, task_queue, usable, now), key=lambda tool: tool.name)
        ReportedTool.objects.bulk_create(
            [_row(namespace, task_queue, tool, now) for tool in taken],
            update_conflicts=True,
            unique_fields=["namespace", "task_queue", "name"],
            update_fields=["parameters", "description", "seen_at"],
            batch_size=100,
        )
    left_out = len(tools) - len(taken)
    if left_out:
        logger.warning("%s tools that workers in %s reported are not listed.", left_out, namespace)
    return left_out


def _with_room(
    namespace: str, task_queue: str, usable: dict[str, CatalogueTool], now: datetime
) -> Iterable[CatalogueTool]:
    """Return those of ``usable`` that are known here already, or for which there is room, after making some."""
    here = ReportedTool.objects.filter(namespace=namespace)
    here.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    known = set(here.filter(task_queue=task_queue, name__in=usable).values_list("name", flat=True))
    new = [name for name in usable if name not in known]
    missing = here.count() + len(new) - MAXIMUM_TOOLS
    if missing > 0:
        stale = here.filter(seen_at__lt=now - STALE_AFTER).exclude(task_queue=task_queue, name__in=usable)
        gone = here.filter(pk__in=list(stale.order_by("seen_at").values_list("pk", flat=True)[:missing])).delete()[0]
        new = new[: len(new) - (missing - gone)] if missing > gone else new
    return [usable[name] for name in known.union(new)]


def _row(namespace: str, task_queue: str, tool: CatalogueTool, now: datetime) -> ReportedTool:
    return ReportedTool(
        namespace=namespace,
        task_queue=task_queue,
        name=tool.name,
        parameters=[[one.name, _shown(one.type, MAXIMUM_TYPE), bool(one.required)] for one in tool.parameters],
        description=_shown(tool.description, MAXIMUM_DESCRIPTION),
        first_seen_at=now,
        seen_at=now,
    )


def _is_usable(tool: CatalogueTool) -> bool:
    names = [parameter.name for parameter in tool.parameters]
    return (
        len(names) <= MAXIMUM_PARAMETERS and len(set(names)) == len(names) and all(map(_is_name, [tool.name, *names]))
    )


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= MAXIMUM_NAME and text.isprintable() and text == text.strip()


def _shown(text: Any, maximum: int) -> str:
    """Return one printable line of ``text``, cut to ``maximum`` characters."""
    if not isinstance(text, str):
        return ""
    plain = "".join(character if character.isprintable() else " " for character in text[: 4 * maximum])
    return " ".join(plain.split())[:maximum].strip()
