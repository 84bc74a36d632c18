"""Finding entries: what matches a search, of what a person may see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Sum

from audit.access import Reach
from audit.models import IndexedEntry, IndexState, LedgerChain, Log, LogReader, PendingLeaf, TermSource
from audit.search.contracts import Search
from audit.search.errors import ContentIsNotYours
from audit.search.keys import keys_within
from audit.search.tokens import token

# Under this name the index keeps its place in the logs.
READER = "search"
# One order, from either end: entries of one millisecond by chain and sequence.
OLDEST_FIRST = ("at_ms", "place")
NEWEST_FIRST = ("-at_ms", "-place")
_FINGERPRINT_DIGITS = 64


def matching(
    search: Search, *, within: Reach, content: Reach | None, records: Reach | None = None
) -> QuerySet[IndexedEntry]:
    """Return the index rows of the entries that match, in no order yet (``OLDEST_FIRST``, ``NEWEST_FIRST``).

    ``within``: the namespaces of whose incidents the person may read; ``content``: of which they may see what agents
    said and got, where alone arguments are searched; ``records``: of which they may read the service's own chains.
    No entry comes twice. Raises ``ContentIsNotYours``.
    """
    if search.asks_for_content and not content:
        raise ContentIsNotYours("value")
    rows = _readable(within, records).filter(_plain(search))
    if search.words:
        rows = _with_words(rows, search, within, content)
    if search.values and content:
        rows = _with_values(rows, search, content)
    return rows


def place_of(chain: str, sequence: int) -> bytes:
    """Return what orders entries of one millisecond."""
    return chain.encode() + b"\0" + sequence.to_bytes(8, "big")


def namespaces(*, within: Reach) -> list[str]:
    """Return the namespaces of which there is anything, as far as they are ``within``."""
    logs = Log.objects.exclude(namespace="").order_by("namespace")
    return list(
        (logs if within.everywhere else logs.filter(namespace__in=within.namespaces)).values_list(
            "namespace", flat=True
        )
    )


@dataclass(frozen=True, slots=True)
class Gaps:
    """How many entries no search finds by what they say: they ``wait``, do not open (``closed``), or are ``cut``."""

    waiting: int
    closed: int
    cut: int


def gaps(*, within: Reach, records: Reach | None) -> Gaps:
    """Return the gaps of what a person may search; entries that wait are those of everybody."""
    found = _readable(within, records).exclude(state=IndexState.WHOLE).order_by("state")
    by_state = dict(found.values_list("state").annotate(count=Count("pk")))
    return Gaps(waiting(), by_state.get(IndexState.CLOSED, 0), by_state.get(IndexState.CUT, 0))


def waiting(*, placed_only: bool = False) -> int:
    """Return how many entries are not in the index yet: those that have a place in a log, and by default all others."""
    size = Log.objects.aggregate(total=Sum("size"))["total"] or 0
    taken = LogReader.objects.filter(name=READER).aggregate(total=Sum("position"))["total"] or 0
    return size - taken + (0 if placed_only else PendingLeaf.objects.count())


def closed_entries() -> dict[str, int]:
    """Return, by namespace, how many entries are in the index without what they say."""
    closed = IndexedEntry.objects.filter(state=IndexState.CLOSED).order_by("namespace")
    return dict(closed.values_list("namespace").annotate(count=Count("pk")))


def _readable(within: Reach, records: Reach | None) -> QuerySet[IndexedEntry]:
    of_incidents = _reached(within)
    if not records:
        return IndexedEntry.objects.filter(of_incidents, of_service=False)
    if (records.everywhere, records.namespaces) == (within.everywhere, within.namespaces):
        return IndexedEntry.objects.filter(of_incidents)
    of_records = _reached(records)
    return IndexedEntry.objects.filter(Q(of_incidents, of_service=False) | Q(of_records, of_service=True))


def _reached(reach: Reach) -> Q:
    return Q() if reach.everywhere else Q(namespace__in=reach.namespaces)


def _plain(search: Search) -> Q:
    wanted = Q()
    if search.namespace:
        wanted &= Q(namespace=search.namespace)
    if search.kinds:
        wanted &= Q(kind=search.kinds[0]) if len(search.kinds) == 1 else Q(kind__in=search.kinds)
    if search.tool:
        wanted &= Q(tool=search.tool)
    if search.agent:
        wanted &= Q(agent=search.agent)
    if search.workflow:
        wanted &= Q(workflow_id=search.workflow)
    if search.person:
        wanted &= Q(person=search.person) | Q(by=search.person)
    if search.key:
        wanted &= _of_key("key", search.key) | _of_key("by_key", search.key)
    if search.incident:
        named = Q(name=search.incident) | Q(label=search.incident)
        wanted &= Q(chain__in=LedgerChain.objects.filter(named).values("pk"))
    if search.since_ms is not None:
        wanted &= Q(at_ms__gte=search.since_ms)
    if search.before_ms is not None:
        wanted &= Q(at_ms__lt=search.before_ms)
    return wanted


def _of_key(column: str, digits: str) -> Q:
    if len(digits) < _FINGERPRINT_DIGITS:
        # A range, which an index answers in every collation: "g" comes after every digit.
        return Q(**{f"{column}__gte": digits, f"{column}__lt": digits + "g"})
    of_key = hashlib.sha256(bytes.fromhex(digits)).hexdigest()
    return Q(**{f"{column}__in": [digits, of_key]})


def _with_words(
    rows: QuerySet[IndexedEntry], search: Search, within: Reach, content: Reach | None
) -> QuerySet[IndexedEntry]:
    """Narrow to entries with all words. An entry has words of people or of agents, never both: none comes twice."""
    of_people = keys_within(within, namespace=search.namespace).values()
    of_agents = keys_within(content, namespace=search.namespace).values() if content else ()
    for word in search.words:
        tokens = [token(key, TermSource.SAID_BY_PEOPLE, word) for key in of_people]
        rows = _with_one_of(rows, tokens + [token(key, TermSource.SAID_BY_AGENTS, word) for key in of_agents])
    return rows


def _with_values(rows: QuerySet[IndexedEntry], search: Search, content: Reach) -> QuerySet[IndexedEntry]:
    keys = keys_within(content, namespace=search.namespace).values()
    for value in search.values:
        rows = _with_one_of(rows, (token(key, TermSource.ARGUMENT, value, name=search.argument) for key in keys))
    return rows


def _with_one_of(rows: QuerySet[IndexedEntry], tokens: Iterable[int]) -> QuerySet[IndexedEntry]:
    # That both have the same time lets the database walk a word's entries in their order.
    return rows.filter(terms__token__in=list(tokens), terms__at_ms=F("at_ms"))
