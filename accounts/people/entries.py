"""What the ledger says of people and what they may do."""

from __future__ import annotations

from accounts.models import Person
from audit.ledger.services import append
from audit.statements.kinds import EntryKind

PEOPLE_CHAIN = "people"


def record(kind: EntryKind, person: Person, *, by: str, **details: str) -> None:
    """Record what was done to ``person``, and by whom: an external id, "command line" or "group NAME"."""
    append(chain=PEOPLE_CHAIN, kind=kind, details={"person": person.external_id, "by": by, **details})
