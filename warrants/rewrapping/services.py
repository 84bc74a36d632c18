"""Moving every stored secret to the custody, and under the key, that new ones get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from audit import custody
from audit.keys.push import wrapping_purpose as push_purpose
from audit.keys.queries import wrapping_purpose as service_purpose
from audit.models import PushKey, RingKey, SearchKey, ServiceKey
from audit.rings.queries import wrapping_purpose as ring_purpose
from audit.search.keys import wrapping_purpose as search_purpose
from warrants.agents.custody import wrapping_purpose as agent_purpose
from warrants.issuers.signing import wrapping_purpose as issuer_purpose
from warrants.models import AgentIdentity, IssuerKey


@dataclass(frozen=True, slots=True)
class Stored:
    """A kind of rows that hold a wrapped secret in ``column``."""

    name: str
    model: type[models.Model]
    column: str
    purpose: Callable[[Any], str]


STORED = (
    Stored("issuer key", IssuerKey, "wrapped_private_key", lambda row: issuer_purpose(row.name)),
    Stored("agent key", AgentIdentity, "wrapped_private_key", lambda row: agent_purpose(row.name)),
    Stored("service key", ServiceKey, "wrapped_private_key", lambda row: service_purpose(row.purpose)),
    Stored("push key", PushKey, "wrapped_private_key", lambda row: push_purpose(row.pk)),
    Stored("ring key", RingKey, "wrapped_key", lambda row: ring_purpose(row.pk)),
    Stored("search key", SearchKey, "wrapped_key", lambda row: search_purpose(row.pk)),
)


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of one secret: ``was`` is "current" already, or "moved". ``name`` says which it is."""

    name: str
    was: str


def rewrap(*, dry_run: bool = False) -> Iterator[Rewrapped]:
    """Move every secret that is not current, one transaction each, and tell of each. Doing it again goes on.

    Raises ``CustodyError`` for the first that does not open; what was moved before stays moved.
    """
    for stored in STORED:
        for key in stored.model._default_manager.order_by("pk").values_list("pk", flat=True):
            row = stored.model._default_manager.get(pk=key)
            if not bytes(getattr(row, stored.column)):
                continue  # retired
            purpose = stored.purpose(row)
            was = "current" if custody.is_current(getattr(row, stored.column), purpose=purpose) else "moved"
            if was == "moved" and not dry_run:
                _move(stored, key, purpose)
            yield Rewrapped(f"{stored.name} {row}", was)


@transaction.atomic
def _move(stored: Stored, key: Any, purpose: str) -> None:
    row = stored.model._default_manager.select_for_update().get(pk=key)
    wrapped = bytes(getattr(row, stored.column))
    if not wrapped or custody.is_current(wrapped, purpose=purpose):
        return  # somebody else was faster
    secret = custody.unwrap(wrapped, purpose=purpose)
    moved = custody.wrap(secret, purpose=purpose)
    if custody.unwrap(moved, purpose=purpose) != secret:
        raise custody.CustodyError(f"What was wrapped for {purpose!r} does not come back. Nothing was changed.")
    setattr(row, stored.column, moved)
    row.save(update_fields=[stored.column])
