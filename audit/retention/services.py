"""Removing evidence at the end of its time, and holding it beyond.

What goes is all that an incident's entries say and what is stored beside them. Their hashes and places in the log stay,
and a signed entry in the namespace's chain of payloads says what was removed, under which rule. Each incident is one
transaction: removed and recorded, or neither.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit.keys.contracts import Purpose
from audit.keys.queries import service_public_key
from audit.ledger.chains import Subject, is_service_chain, namespace_chain
from audit.ledger.services import append
from audit.ledger.signals import evidence_removed
from audit.log.chain_checks import check_chain
from audit.models import Attachment, EvidenceHold, EvidenceRemoval, LedgerChain, LedgerEntry
from audit.retention import queries
from audit.retention.errors import NoNamespace, NotOnHold, NotWhole, OnHold, StillNeeded
from audit.retention.texts import clean_reason
from audit.search.forgetting import forget_chain
from audit.statements.kinds import EntryKind
from audit.statements.removals import Index


@transaction.atomic
def remove(*, chain: str, now: datetime) -> LedgerEntry:
    """Remove what the incident ``chain`` holds, if it is no longer kept at ``now``, and return the record of it.

    Raises ``LedgerChain.DoesNotExist``, ``NoNamespace``, ``OnHold``, ``StillNeeded``, and ``NotWhole`` if anything of
    the chain is not as it was signed: its age is read from it.
    """
    locked = lock(chain)
    days, last = queries.days_of(locked.namespace), queries.last_entry(locked)
    if days is None or last is None or not queries.has_ended(locked) or queries.ends_at(last.at_ms, days) > now:
        raise StillNeeded("This incident goes on, or its time is not over. Nothing was removed.")
    if EvidenceRemoval.objects.filter(chain=locked, size=locked.size).exists():
        raise StillNeeded("This incident's content was removed before. Nothing was done.")
    require_free(locked)
    fault = next(check_chain(chain, service_public_key(Purpose.LEDGER)), None)
    if fault is not None:
        raise NotWhole(fault)
    record = append(
        chain=namespace_chain(Subject.PAYLOADS, locked.namespace),
        kind=EntryKind.RETENTION_APPLIED,
        details={
            "chain": chain,
            "days": days,
            "head": bytes(locked.head),
            "holds": _holds(locked),
            "index": _index(locked),
            "last_at": last.at_ms,
            "namespace": locked.namespace,
            "size": locked.size,
        },
        label=f"Payloads of {locked.namespace}",
        namespace=locked.namespace,
    )
    Attachment.objects.filter(entry__chain=locked, erased_at=None).update(
        content=None, salt=None, erased_at=timezone.now()
    )
    LedgerEntry.objects.filter(chain=locked).update(envelope=b"")
    EvidenceRemoval.objects.create(chain=locked, size=locked.size, record=record, removed_at=timezone.now())
    forget_chain(chain=chain)
    evidence_removed.send(sender=LedgerChain, chain=chain)
    return record


@transaction.atomic
def hold(*, chain: str, reason: str, by: str) -> EvidenceHold:
    """Keep everything of the incident ``chain``, whatever its rule, until the hold is released.

    Raises ``LedgerChain.DoesNotExist``, ``NoNamespace``, ``OnHold`` and ``ReasonMissing``.
    """
    reason, locked = clean_reason(reason), lock(chain)
    _require_no_hold(chain)
    return EvidenceHold.objects.create(
        id=secrets.token_hex(16), chain=locked, reason=reason, held_at=timezone.now(), held_by=by
    )


@transaction.atomic
def release(*, chain: str, by: str) -> EvidenceHold:
    """End the hold of ``chain``. Raises ``LedgerChain.DoesNotExist``, ``NoNamespace`` and ``NotOnHold``."""
    lock(chain)
    found = queries.hold_of(chain)
    if found is None:
        raise NotOnHold
    found.released_at, found.released_by = timezone.now(), by
    found.save(update_fields=["released_at", "released_by"])
    return found


def lock(chain: str) -> LedgerChain:
    """Return the incident ``chain``, to which nothing is added until the transaction ends.

    Raises ``LedgerChain.DoesNotExist``, also for a chain of the service, and ``NoNamespace``.
    """
    locked = None if is_service_chain(chain) else LedgerChain.objects.select_for_update().filter(name=chain).first()
    if locked is None:
        raise LedgerChain.DoesNotExist
    if not locked.namespace:
        raise NoNamespace
    return locked


def require_free(chain: LedgerChain) -> None:
    """Raise ``OnHold`` or ``StillNeeded`` if something of ``chain`` must stay."""
    _require_no_hold(chain.name)
    if needed := queries.why_needed(chain.name):
        raise StillNeeded(f"{needed} Nothing was done.")


def _require_no_hold(chain: str) -> None:
    held = queries.hold_of(chain)
    if held is not None:
        raise OnHold(f"{held.held_at:%-d %B %Y}", held.held_by)


def _index(chain: LedgerChain) -> bytes:
    index = Index()
    rows = LedgerEntry.objects.filter(chain=chain).order_by("sequence")
    for sequence, kind, at_ms, entry_hash in rows.values_list("sequence", "kind", "at_ms", "entry_hash"):
        index.add(sequence=sequence, kind=kind, at_ms=at_ms, entry_hash=bytes(entry_hash))
    return index.value()


def _holds(chain: LedgerChain) -> list[dict[str, object]]:
    """Return who held the chain, and who released it: rows alone are nobody's evidence."""
    return [
        {
            "at": _ms(one.held_at),
            "by": one.held_by,
            "released_at": _ms(one.released_at),
            "released_by": one.released_by,
        }
        for one in EvidenceHold.objects.filter(chain=chain)
    ]


def _ms(at: datetime | None) -> int:
    return round(at.timestamp() * 1000) if at else 0
