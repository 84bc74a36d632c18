"""What an export is told, and what it tells: its order, its rights, its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.access import Reach
from audit.models import Export
from audit.population.contracts import ExportForm, ExportState
from audit.population.errors import BrokenOff, ContentNotYours, TooManyExports
from audit.population.streaming import STALL_SECONDS
from audit.search.contracts import Search

AT_ONCE = 2
# One that did not get on for so long has no process any more: a client that is slower is let go before.
_DEAD_AFTER = timedelta(seconds=STALL_SECONDS + 60)
DIED = "The process that sent it ended before it was whole."
# Terms of a search that may quote what is sealed elsewhere.
_QUOTING = ("text", "value")
_NOT_KEPT = "(not kept here)"


@dataclass(frozen=True, slots=True)
class Rights:
    """The namespaces whose evidence may be taken away, also of the service's own chains; of which with content."""

    within: Reach
    content: Reach | None


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for. ``rights_now`` says what they may at that moment; ``kept`` are texts of checkpoints.

    ``person`` is their external id, or "command line", whose exports nobody limits.
    """

    search: Search
    form: ExportForm
    person: str
    rights: Rights
    rights_now: Callable[[], Rights | None]
    is_limited: bool = True
    kept: tuple[str, ...] = ()


def require_content(order: Order) -> None:
    """Raise ``ContentNotYours`` if entries would be in the file whole that may not be seen whole."""
    within, content = order.rights.within, order.rights.content
    if order.form is not ExportForm.BUNDLE or (content is not None and content.everywhere):
        return
    seen = content.namespaces if content is not None else frozenset()
    asked = {order.search.namespace} if order.search.namespace else within.namespaces
    if (within.everywhere and not order.search.namespace) or not asked <= seen:
        raise ContentNotYours


def open_row(order: Order) -> Export:
    """Return the row of a new export. Raises ``TooManyExports``."""
    settle_dead()
    columns = {
        "person": order.person,
        "form": order.form,
        "search": without_quotes(order.search.to_parameters()),
        "moved_at": timezone.now(),
    }
    if not order.is_limited:
        return Export.objects.create(**columns)
    for slot in range(AT_ONCE):
        try:
            with transaction.atomic():
                return Export.objects.create(**columns, slot=slot)
        except IntegrityError:
            continue
    raise TooManyExports(maximum=AT_ONCE)


def settle_dead() -> None:
    """Say of exports whose process is gone that they broke off."""
    dead = Export.objects.filter(state=ExportState.RUNNING, moved_at__lt=timezone.now() - _DEAD_AFTER)
    dead.update(state=ExportState.BROKEN_OFF, why=DIED, slot=None, ended_at=timezone.now())


def is_dead(export: Export) -> bool:
    return export.state == ExportState.RUNNING and export.moved_at < timezone.now() - _DEAD_AFTER


def without_quotes(parameters: dict[str, str]) -> dict[str, str]:
    """Return a search's terms as they may be kept in plain."""
    return {name: _NOT_KEPT if name in _QUOTING else value for name, value in parameters.items()}


def move(export: Export, order: Order, *, sent: int = 0) -> None:
    """Say how far the export is. Raises ``BrokenOff`` if it was ended elsewhere, or the person's rights changed."""
    if order.rights_now() != order.rights:
        raise BrokenOff("What this person may take away changed meanwhile. Ask for the export anew.")
    running = Export.objects.filter(pk=export.pk, state=ExportState.RUNNING)
    if not running.update(sent=sent, moved_at=timezone.now()):
        raise BrokenOff("The export was ended elsewhere.")
    export.sent = sent


def end(export: Export, state: ExportState, why: str = "") -> None:
    """Say how the export ended, once."""
    running = Export.objects.filter(pk=export.pk, state=ExportState.RUNNING)
    running.update(state=state, why=why, slot=None, ended_at=timezone.now(), moved_at=timezone.now())
