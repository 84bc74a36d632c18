"""Reading the ledger: incidents, one incident's tree, entries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from audit.access import Reach
from audit.custody import CustodyError
from audit.ledger.chains import is_service_chain, of_the_service
from audit.ledger.contracts import AttachedText, IncidentCard, IncidentTree, Tone, TreeGroup, TreeLine
from audit.ledger.proofs import places_of
from audit.ledger.wording import rows, short, word
from audit.models import Attachment, LedgerChain, LedgerEntry
from audit.models.sealed import Sealed, row_named
from audit.receipts.gaps import gaps_beside
from audit.sealing import SealingError
from audit.statements import statements
from audit.statements.kinds import EntryKind

UNREADABLE = (SealingError, CustodyError, statements.MalformedStatement)
_OPEN, _UNKNOWN, _REMOVED = "open", "unknown", "removed"
_ENVELOPE: Any = LedgerEntry._meta.get_field("envelope")


def incidents(*, within: Reach, limit: int = 200) -> list[IncidentCard]:
    """Return the newest incidents of the namespaces ``within``, newest first."""
    return [_card(chain) for chain in _with_ends(within).order_by("-created_at", "name")[:limit]]


def tree(chain: str, *, within: Reach, content: Reach | None) -> IncidentTree:
    """Return the tree of the incident whose root warrant is ``chain``.

    ``content`` are the namespaces of which whoever looks may see what agents said and got. Raises
    ``LedgerChain.DoesNotExist``, also for one that is not ``within``.
    """
    row = _with_ends(within).get(name=chain)
    shows_content = content is not None and (content.everywhere or row.namespace in content.namespaces)
    places = places_of(chain)
    lines = [
        replace(_line(entry, shows_content), place=places.get(entry.sequence, []))
        for entry in entries(chain, upto=row.size)
    ]
    first = _first(row)
    policy = first.get("policy") or {}
    return IncidentTree(
        card=_card(row),
        agent=str((first.get("agent") or {}).get("name", "")),
        policy=f"{policy.get('name', '')} {policy.get('version', '')}".strip(),
        head=bytes(row.head).hex(),
        lines=lines,
        groups=_groups(lines),
        shows_content=shows_content,
        gaps=[gap.sentence for gap in gaps_beside(chain)],
    )


def card_of(chain: str, *, within: Reach) -> IncidentCard:
    """Return the incident ``chain`` as a line of the list. Raises ``LedgerChain.DoesNotExist``, as ``tree`` does."""
    return _card(_with_ends(within).get(name=chain))


def is_incident(chain: str) -> bool:
    """Return whether ``chain`` names an incident that the ledger knows of."""
    return not is_service_chain(chain) and LedgerChain.objects.filter(name=chain).exists()


def is_readable(chain: str, *, within: Reach) -> bool:
    """Return whether ``chain`` is an incident of the namespaces ``within``."""
    return _of_incidents(within).filter(name=chain).exists()


def find_chain(name_or_label: str) -> LedgerChain:
    """Return the chain of that name, else the newest with that label. Raises ``LedgerChain.DoesNotExist``."""
    named = LedgerChain.objects.filter(name=name_or_label).first()
    labelled = LedgerChain.objects.filter(label=name_or_label).exclude(label="").order_by("-created_at").first()
    found = named or labelled
    if found is None:
        raise LedgerChain.DoesNotExist
    return found


def entries(chain: str, *, upto: int) -> QuerySet[LedgerEntry]:
    """Return the first ``upto`` entries of ``chain`` in order, with their attachments."""
    return (
        LedgerEntry.objects.filter(chain=chain, sequence__lte=upto).order_by("sequence").prefetch_related("attachments")
    )


def details_of(entry: LedgerEntry) -> dict[str, Any]:
    """Return what ``entry`` says; its keys are fixed by its kind. Raises ``SealingError`` or ``CustodyError``."""
    return _details(entry.envelope)


def readable_details_of(entry: LedgerEntry) -> dict[str, Any]:
    """Return what ``entry`` says, or nothing if it does not open: a page says so, and shows the others."""
    try:
        return details_of(entry)
    except UNREADABLE:
        return {}


def _of_incidents(within: Reach) -> QuerySet[LedgerChain]:
    chains = LedgerChain.objects.exclude(of_the_service())
    return chains if within.everywhere else chains.filter(namespace__in=within.namespaces)


def _with_ends(within: Reach) -> QuerySet[Any]:
    of_chain = LedgerEntry.objects.filter(chain=OuterRef("pk"))
    ended = of_chain.filter(kind=EntryKind.RUN_COMPLETED).order_by("-sequence")
    return _of_incidents(within).annotate(
        first_envelope=Subquery(of_chain.filter(sequence=1).values("envelope")[:1]),
        last_at_ms=Subquery(of_chain.order_by("-sequence").values("at_ms")[:1]),
        end_envelope=Subquery(ended.values("envelope")[:1]),
        end_sequence=Subquery(ended.values("sequence")[:1]),
    )


def _card(chain: Any) -> IncidentCard:
    incident = _first(chain).get("incident") or {}
    label = chain.label or str(incident.get("id", ""))
    return IncidentCard(
        chain=chain.name,
        label=label,
        title=str(incident.get("title", "")) or label or chain.name,
        severity=str(incident.get("severity", "")),
        service=str(incident.get("service", "")),
        status=_status(chain),
        size=chain.size,
        opened_at=chain.created_at,
        last_at=_time(chain.last_at_ms) if chain.last_at_ms else chain.created_at,
    )


def _first(chain: Any) -> dict[str, Any]:
    """Return what the first entry of ``chain`` says; nothing if it cannot be opened: its line in the tree says why."""
    return _opened(chain, chain.first_envelope, 1) or {}


def _status(chain: Any) -> str:
    if chain.end_envelope is None:
        return _OPEN
    if not chain.end_envelope:
        return _REMOVED
    ended = _opened(chain, chain.end_envelope, chain.end_sequence)
    return _UNKNOWN if ended is None else str(ended.get("status", _OPEN))


def _opened(chain: Any, envelope: Sealed | None, sequence: int) -> dict[str, Any] | None:
    """Return the details in an ``envelope`` that a query took from its row; None if it cannot be opened."""
    try:
        return _details(_ENVELOPE.opened(envelope or Sealed(), chain.namespace, row_named((chain.name, sequence))))
    except UNREADABLE:
        return None


def _details(envelope: bytes) -> dict[str, Any]:
    if not envelope:
        return {}
    details = statements.parse(envelope).facts["details"]
    return details if isinstance(details, dict) else {}


def _line(entry: LedgerEntry, shows_content: bool) -> TreeLine:
    if entry.is_emptied:
        return _bare_line(entry, f"{entry.kind.replace('.', '-')}: its content was removed", "", Tone.SERVICE)
    try:
        envelope = statements.parse(entry.envelope)
    except UNREADABLE as error:
        title = f"{entry.kind.replace('.', '-')}: this entry cannot be read"
        return _bare_line(entry, title, str(error), Tone.DENIED)
    facts, details = envelope.facts, envelope.facts["details"]
    wording = word(entry.kind, details)
    attached = sorted(entry.attachments.all(), key=lambda item: item.name)
    return TreeLine(
        sequence=entry.sequence,
        kind=entry.kind,
        at=_time(entry.at_ms),
        title=wording.title,
        detail=": ".join(text for text in (wording.detail, wording.said if shows_content else "") if text),
        tone=wording.tone,
        tool=str(details.get("tool", "")),
        person=str(details.get("person", "")),
        key_short=short(details.get("key")),
        request_id=str(details.get("request_id", "")),
        proof=list(wording.proof),
        attached=[_attached(attachment, shows_content) for attachment in attached],
        previous_hash=facts["previous"].hex(),
        entry_hash=bytes(entry.entry_hash).hex(),
        signer_key=envelope.signer_key.hex(),
    )


def _bare_line(entry: LedgerEntry, title: str, detail: str, tone: Tone) -> TreeLine:
    return TreeLine(
        sequence=entry.sequence,
        kind=entry.kind,
        at=_time(entry.at_ms),
        title=title,
        detail=detail,
        tone=tone,
        tool="",
        person="",
        key_short="",
        request_id="",
        proof=[],
        attached=[],
        previous_hash="",
        entry_hash=bytes(entry.entry_hash).hex(),
    )


def _attached(attachment: Attachment, shows_content: bool) -> AttachedText:
    if attachment.erased_at is not None:
        return AttachedText(attachment.name, [], erased=True)
    if not shows_content:
        return AttachedText(attachment.name, [], hidden=True)
    try:
        return AttachedText(attachment.name, rows(attachment.content or b""))
    except UNREADABLE as error:
        return AttachedText(attachment.name, [], unreadable=str(error))


def _groups(lines: Iterable[TreeLine]) -> list[TreeGroup]:
    groups: list[TreeGroup] = []
    for line in lines:
        repeats = groups and line.tone is Tone.ALLOWED and groups[-1].first.title == line.title
        if repeats:
            groups[-1].lines.append(line)
        else:
            groups.append(TreeGroup([line]))
    return groups


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
