"""Reading the ledger: incidents, one incident's tree, entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from audit.access import Reach
from audit.ledger.chains import is_service_chain, of_the_service
from audit.ledger.contracts import AttachedText, IncidentCard, IncidentTree, Tone, TreeGroup, TreeLine
from audit.ledger.wording import rows, short, word
from audit.models import LedgerChain, LedgerEntry
from audit.statements import statements
from audit.statements.kinds import EntryKind

_OPEN = "open"


def incidents(*, within: Reach, limit: int = 200) -> list[IncidentCard]:
    """Return the newest incidents of the namespaces ``within``, newest first."""
    return [_card(chain) for chain in _with_ends(within).order_by("-created_at", "name")[:limit]]


def tree(chain: str, *, within: Reach) -> IncidentTree:
    """Return the tree of the incident whose root warrant is ``chain``.

    Raises ``LedgerChain.DoesNotExist``, also for one that is not ``within``.
    """
    row = _with_ends(within).get(name=chain)
    lines = [_line(entry) for entry in entries(chain, upto=row.size)]
    first = _details(row.first_envelope)
    policy = first.get("policy") or {}
    return IncidentTree(
        card=_card(row),
        agent=str((first.get("agent") or {}).get("name", "")),
        policy=f"{policy.get('name', '')} {policy.get('version', '')}".strip(),
        head=bytes(row.head).hex(),
        lines=lines,
        groups=_groups(lines),
    )


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
    """Return what ``entry`` says; its keys are fixed by its kind."""
    return _details(bytes(entry.envelope))


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
    )


def _card(chain: Any) -> IncidentCard:
    incident = _details(chain.first_envelope).get("incident") or {}
    label = chain.label or str(incident.get("id", ""))
    return IncidentCard(
        chain=chain.name,
        label=label,
        title=str(incident.get("title", "")) or label or chain.name,
        severity=str(incident.get("severity", "")),
        service=str(incident.get("service", "")),
        status=str(_details(chain.end_envelope).get("status", _OPEN)) if chain.end_envelope else _OPEN,
        size=chain.size,
        opened_at=chain.created_at,
        last_at=_time(chain.last_at_ms) if chain.last_at_ms else chain.created_at,
    )


def _details(envelope: bytes | None) -> dict[str, Any]:
    if not envelope:
        return {}
    details = statements.parse(bytes(envelope)).facts["details"]
    return details if isinstance(details, dict) else {}


def _line(entry: LedgerEntry) -> TreeLine:
    facts = statements.parse(bytes(entry.envelope)).facts
    details = facts["details"]
    wording = word(entry.kind, details)
    return TreeLine(
        sequence=entry.sequence,
        kind=entry.kind,
        at=_time(entry.at_ms),
        title=wording.title,
        detail=wording.detail,
        tone=wording.tone,
        tool=str(details.get("tool", "")),
        person=str(details.get("person", "")),
        key_short=short(details.get("key")),
        request_id=str(details.get("request_id", "")),
        proof=list(wording.proof),
        attached=[_attached(attachment) for attachment in sorted(entry.attachments.all(), key=lambda item: item.name)],
        previous_hash=facts["previous"].hex(),
        entry_hash=bytes(entry.entry_hash).hex(),
    )


def _attached(attachment: Any) -> AttachedText:
    erased = attachment.content is None
    return AttachedText(attachment.name, [] if erased else rows(bytes(attachment.content)), erased)


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
