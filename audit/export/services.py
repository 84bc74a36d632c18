"""Writing evidence: bundles that verify with everything else gone.

    bundle = prepare(about=..., chains=[...], is_match=..., kept=[...])
    record_export(bundle, by=...)                     # in the ledger, before anything leaves
    for line in bundle.lines(): ...

The same chains give the same bytes for good, as long as nothing is appended to them or erased from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from audit.custody import CustodyError
from audit.export import endorsing
from audit.export.earlier import Kept, earlier
from audit.export.errors import CannotExport, ContentRemoved, NothingToExport
from audit.export.places import give_places
from audit.export.records import Found, records
from audit.keys.contracts import Purpose, ServiceKeyMissing
from audit.keys.queries import service_private_key
from audit.ledger.chains import Subject, is_service_chain, namespace_chain
from audit.ledger.errors import LedgerError
from audit.ledger.services import append
from audit.log.errors import LogBroken, NotInLog
from audit.log.queries import first_inclusion_of
from audit.models import EvidenceRemoval, LedgerChain, LedgerEntry
from audit.sealing import SealingError
from audit.statements import evidence, statements
from audit.statements.kinds import EntryKind
from audit.statements.population import Population, Totals

_CHUNK = 100
_HASHES = 5000

# Why evidence cannot be written, or not whole; each says it in a sentence.
UNWRITABLE = (CannotExport, NotInLog, LogBroken, ServiceKeyMissing, SealingError, CustodyError, LedgerError)

# Says of (chain, sequence) whether the search found it.
IsMatch = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as it was when the bundle was prepared: what is appended to it since is left for the next."""

    name: str
    namespace: str
    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """Evidence about to be written: ``chains`` by name. ``totals`` are those of its last line."""

    about: Mapping[str, Any]
    chains: tuple[Chain, ...]
    totals: Totals
    is_match: IsMatch
    kept: tuple[Kept, ...]

    def lines(self) -> Iterator[bytes]:
        """Return the lines, newlines included, read as they are taken; no database connection is held in between.

        Entries appended since are left for the next bundle. Taking a line raises ``NotInLog``, ``LogBroken``,
        ``ServiceKeyMissing``, ``LogWasCut``, and ``SealingError`` or ``CustodyError`` if what it holds does not open.
        """
        return _Writer(self).lines()


def bundle_of(chain: str, *, kept: Sequence[str] = ()) -> Bundle:
    """Return the evidence of one chain: an incident, or one of the service's own. As ``prepare``."""
    endorsements = endorsing.endorsements() if is_service_chain(chain) else None
    return prepare(about=evidence.about_chain(chain, endorsements=endorsements), chains=[chain], kept=kept)


def prepare(
    *,
    about: Mapping[str, Any],
    chains: Iterable[str],
    is_match: IsMatch = lambda chain, sequence: True,
    kept: Sequence[str] = (),
) -> Bundle:
    """Return the evidence of whole ``chains``, of which ``is_match`` says which entries were searched for.

    ``about`` is ``evidence.about_chain`` or ``about_search``; ``kept`` are texts of checkpoints that whoever asks
    keeps. Every entry has its place in a log afterwards. Raises ``LedgerChain.DoesNotExist``, ``NothingToExport``,
    ``ContentRemoved``, ``NotACheckpoint``, ``NotEndorsed``, ``NotInLog``, ``LogBroken`` and ``CustodyError``.
    """
    read = tuple(Kept.of(text) for text in kept)
    rows = tuple(_chain(LedgerChain.objects.get(name=name)) for name in sorted(set(chains)))
    if not rows:
        raise NothingToExport
    require_content(EvidenceRemoval.objects.filter(chain__in=[row.name for row in rows]))
    give_places({row.namespace for row in rows})
    population = Population()
    for row in rows:
        for at_ms, sequence, entry_hash in _hashes(row):
            if is_match(row.name, sequence):
                population.add(at_ms=at_ms, chain=row.name, sequence=sequence, entry_hash=entry_hash)
    return Bundle(about, rows, population.totals(), is_match, read)


def require_content(removals: QuerySet[EvidenceRemoval]) -> None:
    """Raise ``ContentRemoved`` if there is any of ``removals``, those of the chains that are to be written."""
    first = removals.order_by("chain_id", "-size").first()
    if first is not None:
        raise ContentRemoved(first.chain_id, first.removed_at)


def bundle_lines(
    *,
    about: Mapping[str, Any],
    chains: Iterable[str],
    is_match: IsMatch = lambda chain, sequence: True,
    kept: Sequence[str] = (),
) -> Iterator[bytes]:
    """Return the lines of a bundle; as ``prepare`` and ``Bundle.lines``."""
    return prepare(about=about, chains=chains, is_match=is_match, kept=kept).lines()


@transaction.atomic
def record_export(bundle: Bundle, *, by: str, namespace: str | None = None) -> LedgerEntry:
    """Say in the ledger that evidence leaves: call it before it does. ``by`` is who takes it away.

    ``namespace`` is that of the chain, unless it is given. Raises what ``append`` raises.
    """
    about = bundle.about
    if namespace is None:
        namespace = bundle.chains[0].namespace if about["kind"] == "chain" else ""
    subject = {"chain": about["chain"]} if about["kind"] == "chain" else {"search": dict(about["search"])}
    return append(
        chain=namespace_chain(Subject.EXPORTS, namespace),
        kind=EntryKind.EVIDENCE_EXPORTED,
        details={
            "chains": len(bundle.chains),
            "count": bundle.totals.count,
            "form": evidence.FORMAT,
            "namespace": namespace,
            "person": by,
            "root": bundle.totals.root,
            **subject,
        },
        label=f"Exports of {namespace}"[:200] if namespace else "Exports",
        namespace=namespace,
    )


class _Writer:
    """One pass over what a bundle holds, and what has to be remembered of it."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._found = bundle, Found()
        self._entries = self._records = 0
        self._notes: dict[str, dict[int, str]] = {}

    def lines(self) -> Iterator[bytes]:
        bundle = self._bundle
        yield evidence.bundle_line(bundle.about)
        for chain in bundle.chains:
            yield from self._section(chain)
        if not is_service_chain(bundle.about.get("chain", "")):
            yield from self._of_other_chains()
        yield evidence.close_line(
            chains=len(bundle.chains),
            entries=self._entries,
            records=self._records,
            totals=bundle.totals,
            earlier=earlier(bundle.kept, self._notes),
        )

    def _section(self, chain: Chain) -> Iterator[bytes]:
        last = None
        for entries in _chunks(chain):
            lines = [self._entry(entry) for entry in entries]
            last = entries[-1]
            _release()
            yield from lines
            self._entries += len(lines)
        if last is None:
            raise NotInLog(f"{chain.name} has lost its entries. See: manage.py verify_ledger")
        facts = {"at": last.at_ms, "chain": chain.name, "head": chain.head, "size": chain.size}
        end = statements.sign(statements.Context.CHECKPOINT, facts, service_private_key(Purpose.LEDGER))
        line = evidence.end_line(end, self._located(last))
        _release()
        yield line

    def _entry(self, entry: LedgerEntry) -> bytes:
        envelope, attachments = statements.parse(entry.envelope), _attached(entry)
        self._found.add(entry, envelope, has_erased=None in attachments.values())
        match = self._bundle.is_match(entry.chain_id, entry.sequence)
        return evidence.entry_line(envelope, attachments=attachments, match=match)

    def _of_other_chains(self) -> Iterator[bytes]:
        for entry, envelope in records(self._found):
            line = evidence.record_line(envelope, attachments=_attached(entry), log=self._located(entry))
            self._records += 1
            _release()
            yield line

    def _located(self, entry: LedgerEntry) -> evidence.Located:
        found = first_inclusion_of(entry)
        self._notes.setdefault(found.origin, {})[found.size] = found.note
        return evidence.Located(found.origin, found.position, found.proof, found.note)


def _chunks(chain: Chain) -> Iterator[list[LedgerEntry]]:
    after = 0
    while entries := list(
        LedgerEntry.objects.filter(chain=chain.name, sequence__gt=after, sequence__lte=chain.size)
        .order_by("sequence")
        .prefetch_related("attachments")[:_CHUNK]
    ):
        yield entries
        after = entries[-1].sequence


def _chain(row: LedgerChain) -> Chain:
    return Chain(row.name, row.namespace, row.size, bytes(row.head))


def _hashes(chain: Chain) -> Iterator[tuple[int, int, bytes]]:
    """Return (at, sequence, hash) of every entry."""
    after = 0
    rows = LedgerEntry.objects.filter(chain=chain.name, sequence__lte=chain.size).order_by("sequence")
    columns = rows.values_list("at_ms", "sequence", "entry_hash")
    while chunk := list(columns.filter(sequence__gt=after)[:_HASHES]):
        for at_ms, sequence, entry_hash in chunk:
            yield at_ms, sequence, bytes(entry_hash)
        after = chunk[-1][1]


def _attached(entry: LedgerEntry) -> dict[str, tuple[bytes, bytes] | None]:
    """Return what is beside ``entry``, as (salt, content) by name; None where it was erased."""
    return {
        attachment.name: None
        if attachment.content is None or attachment.salt is None
        else (bytes(attachment.salt), attachment.content)
        for attachment in entry.attachments.all()
    }


def _release() -> None:
    """Give the connection back: whoever takes the lines may take long."""
    if not connection.in_atomic_block:
        connection.close()
