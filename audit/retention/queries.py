"""How long evidence is kept, what is due, and what keeps it. Read only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from audit.custody import CustodyError
from audit.ledger.chains import of_the_service
from audit.ledger.signals import evidence_needed
from audit.models import EvidenceHold, EvidenceRemoval, LedgerChain, LedgerEntry
from audit.sealing import SealingError
from audit.statements.kinds import EntryKind

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds an incident's evidence, since when and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How long an incident's evidence stays.

    ``kept_until``: None without an end, and while the incident goes on. ``removed_at``: when content went, or None.
    """

    days: int | None
    kept_until: datetime | None
    removed_at: datetime | None
    hold: Hold | None


def days_of(namespace: str) -> int | None:
    """Return how long evidence of ``namespace`` is kept after its last entry. None: without an end.

    That is also so for a namespace that is not configured: whoever took it out of the file has not said "remove".
    """
    return next((one.evidence_days for one in settings.NAMESPACES if one.name == namespace), None)


def ends_at(last_at_ms: int, days: int) -> datetime:
    """Return from when on what was written last at ``last_at_ms`` is no longer kept."""
    return _time(last_at_ms) + timedelta(days=days)


def due(*, now: datetime) -> Iterator[str]:
    """Yield the chains whose content is no longer kept at ``now``, by name, without those on hold."""
    for namespace in settings.NAMESPACES:
        if namespace.evidence_days is not None:
            yield from _due(namespace.name, now - timedelta(days=namespace.evidence_days))


def _due(namespace: str, until: datetime) -> Iterator[str]:
    chains = LedgerChain.objects.exclude(of_the_service()).filter(namespace=namespace, size__gt=0)
    of_chain = LedgerEntry.objects.filter(chain=OuterRef("pk")).order_by()
    chains = chains.annotate(
        last_at_ms=Subquery(of_chain.filter(sequence=OuterRef("size")).values("at_ms")[:1])
    ).filter(
        Exists(of_chain.filter(kind=EntryKind.RUN_COMPLETED)),
        ~Exists(EvidenceRemoval.objects.filter(chain=OuterRef("pk"), size=OuterRef("size"))),
        ~Exists(active_holds().filter(chain=OuterRef("pk"))),
        last_at_ms__lte=round(until.timestamp() * 1000),
    )
    last = ""
    while names := list(chains.filter(name__gt=last).order_by("name").values_list("name", flat=True)[:_CHUNK]):
        yield from names
        last = names[-1]


def active_holds() -> QuerySet[EvidenceHold]:
    return EvidenceHold.objects.filter(released_at=None)


def hold_of(chain: str) -> EvidenceHold | None:
    """Return the hold that stands on ``chain``, with its chain."""
    return active_holds().select_related("chain").filter(chain=chain).first()


def why_needed(chain: str) -> str:
    """Return why something still needs what ``chain`` holds, as a sentence, or nothing."""
    answers = (answer for _, answer in evidence_needed.send(sender=LedgerChain, chain=chain))
    return next((str(answer) for answer in answers if answer), "")


def last_entry(chain: LedgerChain) -> LedgerEntry | None:
    return LedgerEntry.objects.filter(chain=chain, sequence=chain.size).first()


def has_ended(chain: LedgerChain) -> bool:
    """Return whether a run of the incident has reported its end."""
    return LedgerEntry.objects.filter(chain=chain, kind=EntryKind.RUN_COMPLETED).exists()


def removed_at(chain: str) -> datetime | None:
    """Return when the content of ``chain`` was removed under retention, or None."""
    newest = EvidenceRemoval.objects.filter(chain=chain).order_by("-size").values_list("removed_at", flat=True)
    return newest.first()


def standing_of(chain: str) -> Standing:
    """Return how long the evidence of ``chain`` stays. Raises ``LedgerChain.DoesNotExist``."""
    row = LedgerChain.objects.get(name=chain)
    days, last, hold = days_of(row.namespace), last_entry(row), hold_of(chain)
    has_end = days is not None and last is not None and has_ended(row)
    return Standing(
        days=days,
        kept_until=ends_at(last.at_ms, days) if has_end and last and days is not None else None,
        removed_at=removed_at(chain),
        hold=Hold(hold.held_at, hold.held_by, reason_of(hold)) if hold else None,
    )


def reason_of(hold: EvidenceHold) -> str:
    """Return why something is held, or a sentence if that does not open."""
    try:
        return hold.reason
    except (SealingError, CustodyError):
        return "The reason cannot be read."


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
