"""Reading what workers decided, newest first, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from audit.access import Reach
from audit.ledger.queries import UNREADABLE, readable_details_of
from audit.models import Attachment, LedgerEntry
from audit.statements import cbor
from audit.statements.kinds import EntryKind

VERDICTS = {EntryKind.CALL_ALLOWED: "allowed", EntryKind.CALL_GATED: "gated", EntryKind.CALL_DENIED: "denied"}
_PIECE = 200


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One decision of a worker, at ``at_ms`` since 1970, in the incident ``chain``. ``number`` rises with time.

    ``code`` is Tenuo's word, or the worker's, for a call that it did not let run; ``approvals`` is how many came with
    the call, ``attempt`` counts from 1. ``arguments`` is None where they were erased or do not open; then, or if the
    entry itself says nothing any more, there may be no ``tool`` either.
    """

    number: int
    chain: str
    namespace: str
    at_ms: int
    verdict: str
    tool: str
    code: str
    approvals: int
    attempt: int
    arguments: dict[str, Any] | None


def recorded_calls(
    chains: QuerySet[Any, Any], *, within: Reach, since_ms: int, before: int | None = None
) -> QuerySet[LedgerEntry]:
    """Return the entries of workers' decisions in ``chains`` (names) that are ``within``, newest first.

    ``before`` is the number of a call: only those that were recorded earlier.
    """
    found = LedgerEntry.objects.filter(chain__in=chains, kind__in=list(VERDICTS), at_ms__gte=since_ms)
    if not within.everywhere:
        found = found.filter(chain__namespace__in=within.namespaces)
    if before is not None:
        found = found.filter(pk__lt=before)
    return found.order_by("-pk")


def read(found: QuerySet[LedgerEntry], *, limit: int) -> Iterator[RecordedCall]:
    """Yield the first ``limit`` of ``recorded_calls``; between two pieces nothing is kept open."""
    piece = list(found[: min(_PIECE, limit)])
    while piece:
        contents = _arguments_of(piece)
        for entry in piece:
            yield _call(entry, contents.get(entry.pk))
        limit -= len(piece)
        piece = list(found.filter(pk__lt=piece[-1].pk)[: min(_PIECE, limit)]) if limit else []


def _arguments_of(piece: list[LedgerEntry]) -> dict[int, dict[str, Any]]:
    """Return the arguments, by entry, of those that have them still and that open."""
    of_piece = {entry.pk: entry for entry in piece}
    opened: dict[int, dict[str, Any]] = {}
    for attachment in Attachment.objects.filter(entry__in=of_piece, name="arguments", erased_at=None):
        attachment.entry = of_piece[attachment.entry_id]
        try:
            arguments = cbor.decode(attachment.content or b"")
        except (*UNREADABLE, cbor.MalformedBytes):
            continue
        if isinstance(arguments, dict):
            opened[attachment.entry_id] = arguments
    return opened


def _call(entry: LedgerEntry, arguments: dict[str, Any] | None) -> RecordedCall:
    details = readable_details_of(entry)
    approvals, attempt = details.get("approvals"), details.get("attempt")
    return RecordedCall(
        number=entry.pk,
        chain=entry.chain_id,
        namespace=entry.chain.namespace,
        at_ms=entry.at_ms,
        verdict=VERDICTS[EntryKind(entry.kind)],
        tool=str(details.get("tool", "")),
        code=str(details.get("code", "")),
        approvals=len(approvals) if isinstance(approvals, list) else 0,
        attempt=attempt if isinstance(attempt, int) else 1,
        arguments=arguments,
    )
