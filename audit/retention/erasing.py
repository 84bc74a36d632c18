"""Erasing payloads before their time: what stands beside entries goes, and a signed entry says what, who and why.

The entries stay as they were signed, with the digests of what was beside them, and go on verifying.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from audit.ledger.chains import Subject, namespace_chain
from audit.ledger.services import append, erase_attachment
from audit.ledger.signals import payload_erased
from audit.models import Attachment, LedgerChain, LedgerEntry
from audit.retention.contents import holds
from audit.retention.errors import NothingToErase
from audit.retention.services import lock, require_free
from audit.retention.texts import clean_reason
from audit.statements import statements
from audit.statements.kinds import EntryKind

# The attachment of ``warrant.minted`` that holds the policy's text.
POLICY = "policy"


@transaction.atomic
def erase(*, chain: str, reason: str, by: str, sequence: int | None = None, name: str = "") -> list[LedgerEntry]:
    """Erase what is stored beside the entries of the incident ``chain``; return a record for each attachment.

    With ``sequence`` and ``name`` that attachment alone, and every other one of the incident that has the same content.
    Whoever keeps the content elsewhere lets go of it in the same transaction.

    Raises ``LedgerChain.DoesNotExist``, ``NoNamespace``, ``ReasonMissing``, ``OnHold``, ``StillNeeded``,
    ``NothingToErase``, and ``SealingError`` or ``CustodyError`` for what does not open: nobody can say what it was.
    """
    reason, locked = clean_reason(reason), lock(chain)
    require_free(locked)
    kept = list(_kept(locked))
    chosen = kept if sequence is None else _with_the_same(kept, sequence, name)
    if not chosen:
        where = f"Entry {sequence} of {chain}, beside it as {name!r}," if sequence is not None else chain
        raise NothingToErase(where)
    return [_erase(locked, attachment, reason, by) for attachment in chosen]


def _kept(chain: LedgerChain) -> Iterable[Attachment]:
    """Return what is there to erase: the policy beside a warrant is nobody's payload, and decides what it means."""
    of_chain = Attachment.objects.filter(entry__chain=chain, erased_at=None).exclude(name=POLICY)
    rows = of_chain.select_related("entry__chain")
    return rows.order_by("entry__sequence", "name")


def _with_the_same(kept: list[Attachment], sequence: int, name: str) -> list[Attachment]:
    named = [one for one in kept if (one.entry.sequence, one.name) == (sequence, name)]
    return [one for one in kept if any(holds(one.content or b"", other.content or b"") for other in named)]


def _erase(chain: LedgerChain, attachment: Attachment, reason: str, by: str) -> LedgerEntry:
    entry, content = attachment.entry, attachment.content or b""
    record = append(
        chain=namespace_chain(Subject.PAYLOADS, chain.namespace),
        kind=EntryKind.PAYLOAD_ERASED,
        details={
            "by": by,
            "chain": chain.name,
            "digest": statements.parse(entry.envelope).facts["attachments"][attachment.name],
            "name": attachment.name,
            "namespace": chain.namespace,
            "reason": reason,
            "sequence": entry.sequence,
        },
        label=f"Payloads of {chain.namespace}",
        namespace=chain.namespace,
    )
    erase_attachment(chain=chain.name, sequence=entry.sequence, name=attachment.name, erasure=record)
    payload_erased.send(
        sender=Attachment, chain=chain.name, sequence=entry.sequence, name=attachment.name, content=content
    )
    return record
