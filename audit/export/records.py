"""Single entries of the service's own chains that a bundle needs.

They say who could sign when, what was erased, and who published the policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from audit.ledger.chains import Subject, namespace_chain
from audit.models import LedgerEntry
from audit.statements import statements
from audit.statements.chains import KEYS_CHAIN, POLICIES_CHAIN
from audit.statements.kinds import EntryKind
from audit.statements.statements import Envelope

_CHUNK = 200
# What people sign; a warrant that an agent handed on names no key.
_SIGNED = frozenset(
    {
        EntryKind.APPROVAL_GRANTED,
        EntryKind.APPROVAL_DENIED,
        EntryKind.APPROVAL_RETRACTED,
        EntryKind.WARRANT_ATTENUATED,
    }
)
_OF_KEYS = (EntryKind.KEY_ENROLLED, EntryKind.KEY_ENDORSED, EntryKind.KEY_REVOKED)


@dataclass(slots=True)
class Found:
    """What the chains of a bundle need: the keys that people signed with, the digests of policies that warrants were
    minted under, and the chains with erased content, by namespace.
    """

    keys: set[bytes] = field(default_factory=set)
    policies: set[bytes] = field(default_factory=set)
    erased: dict[str, set[str]] = field(default_factory=dict)

    def add(self, entry: LedgerEntry, envelope: Envelope, *, has_erased: bool) -> None:
        if entry.kind in _SIGNED:
            key = envelope.facts["details"].get("key")
            if isinstance(key, bytes):
                self.keys.add(key)
        if entry.kind == EntryKind.WARRANT_MINTED:
            policy = envelope.facts["details"].get("policy")
            digest = policy.get("digest") if isinstance(policy, dict) else None
            if isinstance(digest, bytes):
                self.policies.add(digest)
        if has_erased:
            self.erased.setdefault(entry.chain.namespace, set()).add(entry.chain_id)


def records(found: Found) -> Iterator[tuple[LedgerEntry, Envelope]]:
    """Return the records of ``found``, opened, by chain and sequence. Raises ``SealingError`` or ``CustodyError``."""
    if found.keys:
        yield from _of_keys(found.keys)
    chains = {namespace_chain(Subject.PAYLOADS, namespace): names for namespace, names in found.erased.items()}
    for chain, names in sorted(chains.items()):
        for entry, envelope in _entries(chain, (EntryKind.PAYLOAD_ERASED,)):
            if envelope.facts["details"].get("chain") in names:
                yield entry, envelope
    if found.policies:
        for entry, envelope in _entries(POLICIES_CHAIN, (EntryKind.POLICY_PUBLISHED,)):
            if envelope.facts["details"].get("digest") in found.policies:
                yield entry, envelope


def _of_keys(keys: set[bytes]) -> Iterator[tuple[LedgerEntry, Envelope]]:
    for entry, envelope in _entries(KEYS_CHAIN, (*_OF_KEYS, EntryKind.PEOPLE_ROOT_ESTABLISHED)):
        is_root = entry.kind == EntryKind.PEOPLE_ROOT_ESTABLISHED
        if is_root or envelope.facts["details"].get("key") in keys:
            yield entry, envelope


def _entries(chain: str, kinds: tuple[EntryKind, ...]) -> Iterator[tuple[LedgerEntry, Envelope]]:
    """Return the entries that have a place in a log: what came meanwhile is left for the next bundle."""
    after = 0
    while entries := list(
        LedgerEntry.objects.filter(chain=chain, kind__in=kinds, sequence__gt=after, leaf__isnull=False)
        .order_by("sequence")
        .prefetch_related("attachments")[:_CHUNK]
    ):
        for entry in entries:
            yield entry, statements.parse(entry.envelope)
        after = entries[-1].sequence
