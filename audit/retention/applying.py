"""Going through all that is due. It may be stopped at any time: the next one goes on with what is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.custody import CustodyError
from audit.models import LedgerChain
from audit.retention import queries, services
from audit.retention.errors import RetentionError


@dataclass(frozen=True, slots=True)
class Applied:
    """One incident whose time is over. ``refusal``: why it stays nevertheless, or nothing."""

    name: str
    namespace: str
    days: int
    refusal: str = ""


def apply(*, now: datetime, dry_run: bool = False) -> Iterator[Applied]:
    """Remove what is no longer kept at ``now``, and yield each incident after its transaction."""
    for chain in queries.due(now=now):
        row = LedgerChain.objects.get(name=chain)
        refusal = queries.why_needed(chain) if dry_run else _refusal(chain, now)
        named = f"{row.label} ({chain})" if row.label else chain
        yield Applied(named, row.namespace, queries.days_of(row.namespace) or 0, refusal)


def _refusal(chain: str, now: datetime) -> str:
    try:
        services.remove(chain=chain, now=now)
    except (RetentionError, CustodyError) as error:
        return str(error)
    return ""
