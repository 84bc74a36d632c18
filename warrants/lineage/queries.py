"""Where live warrants come from and where they went: who signed each, for whom, and what a child lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from accounts.models import ApproverKey
from audit.ledger.queries import readable_details_of
from audit.models import LedgerEntry
from audit.statements.kinds import EntryKind
from audit.statements.lineage import Link, lineage_of
from warrants.models import AgentIdentity, Delegation, IssuerKey, Warrant

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One warrant of a lineage, in words: who signed it, for whom. Of a key that is nobody's here, its first digits."""

    link: Link
    signed_by: str
    given_to: str

    @property
    def sooner(self) -> str:
        """How much sooner it ends than the one above it, in words; nothing if it does not."""
        seconds = self.link.lost.seconds if self.link.lost else 0
        if seconds >= _MINUTE:
            return f"{round(seconds / _MINUTE)} min"
        return f"{seconds} s" if seconds > 0 else ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The warrants of one incident that are known here, parents first, and whose signature it waits for, if any's."""

    steps: Sequence[Step]
    waits_for: str


def lineages(warrants: Collection[Warrant]) -> dict[str, Lineage]:
    """Return the lineage of each of ``warrants``, by its id.

    Children are known that a person signed here, and those under which a call was made.
    """
    waiting = dict(Delegation.objects.filter(warrant__in=warrants, leaf=None).values_list("warrant_id", "person"))
    chains = {one.pk: [[bytes(one.data)]] for one in warrants}
    told = LedgerEntry.objects.filter(chain__in=list(chains), kind=EntryKind.WARRANT_ATTENUATED)
    for entry in told.select_related("chain").order_by("chain", "sequence"):
        chains[entry.chain_id].append(readable_details_of(entry).get("warrant_chain", []))
    found = {name: _links(several) for name, several in chains.items()}
    names = _names({key for links in found.values() for link in links for key in (link.issuer, link.holder)})
    return {
        name: Lineage([Step(link, names[link.issuer], names[link.holder]) for link in links], waiting.get(name, ""))
        for name, links in found.items()
    }


def _links(chains: Sequence[Sequence[bytes]]) -> list[Link]:
    """Return every warrant of ``chains`` once; what cannot be read is left out."""
    found: dict[str, Link] = {}
    for chain in chains:
        try:
            links = lineage_of(chain)
        except ValueError:
            continue
        for link in links:
            found.setdefault(link.id, link)
    return list(found.values())


def _names(keys: Collection[bytes]) -> dict[bytes, str]:
    """Return in words whose each of ``keys`` is."""
    names = {key: f"key {key.hex()[:8]}…" for key in keys}
    issuers = IssuerKey.objects.filter(public_key__in=keys).values_list("public_key", "name")
    agents = AgentIdentity.objects.filter(public_key__in=keys).values_list("public_key", "name")
    people = ApproverKey.objects.filter(public_key__in=keys).select_related("person")
    names |= {bytes(key): f"the issuer {name}" for key, name in issuers}
    names |= {bytes(key): f"the agent {name}" for key, name in agents}
    return names | {bytes(key.public_key): key.person.external_id for key in people}
