"""Searches that people keep under a name, each for themselves. They are sealed: they may quote what was looked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import transaction

from audit import sealing
from audit.custody import CustodyError
from audit.models import SavedSearch
from audit.sealing import SealingError
from audit.search.contracts import Search
from audit.search.errors import CannotSave
from audit.search.keys import sealing_ring

MAXIMUM_NAME = 100
MAXIMUM_SAVED = 50


@dataclass(frozen=True, slots=True)
class Saved:
    """``query`` is the address's; empty of one that does not open any more, which can only be deleted."""

    id: int
    name: str
    query: str


def saved_by(owner: str) -> list[Saved]:
    """Return the searches that ``owner`` kept, by name."""
    return [Saved(row.pk, row.name, _opened(row)) for row in SavedSearch.objects.filter(owner=owner)]


@transaction.atomic
def save(*, owner: str, name: str, search: Search) -> SavedSearch:
    """Keep ``search`` under ``name``; what ``owner`` had under that name is replaced. Raises ``CannotSave``."""
    name = name.strip()
    if not name or len(name) > MAXIMUM_NAME or not name.isprintable():
        raise CannotSave(f"Give the search a name of 1 to {MAXIMUM_NAME} characters.", field="name")
    own = SavedSearch.objects.filter(owner=owner)
    if own.exclude(name=name).count() >= MAXIMUM_SAVED:
        raise CannotSave(f"You have {MAXIMUM_SAVED} saved searches. Delete one first.", field="name")
    content = json.dumps(search.to_parameters()).encode()
    _, sealed = sealing.seal(sealing_ring(), content, context=_context(owner, name))
    row, _ = SavedSearch.objects.update_or_create(owner=owner, name=name, defaults={"sealed": sealed})
    return row


def delete(*, owner: str, saved_id: int) -> SavedSearch:
    """Delete one of the searches of ``owner`` and return it. Raises ``SavedSearch.DoesNotExist``."""
    row = SavedSearch.objects.get(owner=owner, pk=saved_id)
    SavedSearch.objects.filter(pk=row.pk).delete()
    return row


def _opened(row: SavedSearch) -> str:
    try:
        ring = sealing_ring()
        content = sealing.unseal(ring, ring.current, bytes(row.sealed), context=_context(row.owner, row.name))
    except (SealingError, CustodyError):
        return ""
    return urlencode(json.loads(content))


def _context(owner: str, name: str) -> bytes:
    return json.dumps(["saved search", owner, name]).encode()
