"""A population as a bundle: the whole chains in which something was found, and which entries those are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from audit.export import endorsing
from audit.export.earlier import Kept
from audit.export.places import give_places
from audit.export.services import Bundle, Chain, require_content
from audit.ledger.chains import is_service_chain
from audit.models import EvidenceRemoval, IndexedEntry
from audit.population import reading
from audit.statements.evidence import about_search, text_of
from audit.statements.population import Totals

# As an entry line's JSON has it, which has one form; inside a text the quotes would be escaped.
_FOUND = b'"match":true'


def pieces(
    found: QuerySet[IndexedEntry], totals: Totals, *, search: dict[str, str], kept: Iterable[str]
) -> Iterator[tuple[bytes, int]]:
    """Yield the bundle of all that is ``found``, some lines at a time, each with how many found entries are in it.

    ``kept`` are texts of checkpoints. Raises what ``audit.export.services.UNWRITABLE`` lists.
    """
    lines = _bundle(found, totals, search, kept).lines()
    while piece := list(islice(lines, reading.PIECE)):
        yield b"".join(piece), sum(_FOUND in line for line in piece)


def _bundle(found: QuerySet[IndexedEntry], totals: Totals, search: dict[str, str], kept: Iterable[str]) -> Bundle:
    columns = found.order_by().values_list("chain_id", "chain__namespace", "chain__size", "chain__head").distinct()
    rows = columns.iterator(chunk_size=reading.PIECE)
    chains = tuple(Chain(name, namespace, size, bytes(head)) for name, namespace, size, head in sorted(rows))
    require_content(EvidenceRemoval.objects.filter(chain__in=found.order_by().values("chain_id")))
    give_places({chain.namespace for chain in chains})
    about: dict[str, Any] = about_search(search)
    if any(is_service_chain(chain.name) for chain in chains):
        about["endorsements"] = [text_of(envelope) for envelope in endorsing.endorsements()]
    return Bundle(about, chains, totals, _Matches(found), tuple(Kept.of(text) for text in kept))


class _Matches:
    """Says of (chain, sequence) whether it was found. Asked chain by chain, it remembers one."""

    def __init__(self, found: QuerySet[IndexedEntry]) -> None:
        self._found, self._chain, self._sequences = found, "", frozenset[int]()

    def __call__(self, chain: str, sequence: int) -> bool:
        if chain != self._chain:
            of_chain = self._found.order_by().filter(chain=chain)
            self._chain, self._sequences = chain, frozenset(of_chain.values_list("entry__sequence", flat=True))
        return sequence in self._sequences
