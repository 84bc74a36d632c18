"""Finding entries: what matches a search, of what a person may see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from audit.access import Reach
from audit.models import IndexedEntry, IndexState, LedgerChain, Log, LogReader, PendingLeaf, SearchTerm, TermSource
from audit.search.contracts import Search
from audit.search.errors import ContentIsNotYours
from audit.search.keys import keys_within
from audit.search.tokens import token

# Under this name the index keeps its place in the logs.
READER = "search"
# The order of populations: entries of one millisecond by chain and sequence, in every collation.
OLDEST_FIRST = ("at_ms", "place")
_FINGERPRINT_DIGITS = 64


def matching(
    search: Search, *, within: Reach, content: Reach | None, records: Reach | None = None
) -> QuerySet[IndexedEntry]:
    """Return the index rows of the entries that match, in no order yet (``OLDEST_FIRST``).

    ``within``: the namespaces of whose incidents the person may read; ``content``: of which they may see what agents
    said and got, where alone arguments are searched; ``records``: of which they may read the service's own chains.
    No entry comes twice. Raises ``ContentIsNotYours``.
    """
    rows = IndexedEntry.objects.filter(_readable(within, records), _said_plainly(search), _in_time(search))
    if search.namespace:
        rows = rows.filter(namespace=search.namespace)
    for tokens in _tokens(search, within, content):
        rows = rows.filter(pk__in=_with_one_of(tokens).values("entry"))
    return rows


def newest(
    search: Search, *, within: Reach, content: Reach | None, records: Reach | None = None
) -> QuerySet[Any, tuple[int, int]]:
    """Return (time, entry) of the same entries, the newest first; of one millisecond, the ones written last.

    Where words are asked for, the first one's own rows are gone through, which know the time: the others, and the
    entries, are looked at only as far as they must be.
    """
    words = _tokens(search, within, content)
    if not words:
        rows = matching(search, within=within, content=content, records=records)
        return rows.order_by("-at_ms", "-pk").values_list("at_ms", "pk")
    first, *others = words
    found = _with_one_of(first).filter(_in_time(search))
    for tokens in others:
        found = found.filter(entry__in=_with_one_of(tokens).values("entry"))
    # The tokens are those of the right namespaces already.
    found = found.filter(_said_plainly(search, of="entry__"))
    if not _covers(within, records):
        found = found.filter(_readable(within, records, of="entry__"))
    return found.order_by("-at_ms", "-entry").values_list("at_ms", "entry")


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
    rows = IndexedEntry.objects.filter(_readable(within, records))
    found = rows.exclude(state=IndexState.WHOLE).order_by("state")
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


def _readable(within: Reach, records: Reach | None, *, of: str = "") -> Q:
    of_incidents, of_service = _reached(within, of), f"{of}of_service"
    if not records:
        return of_incidents & Q(**{of_service: False})
    if _covers(within, records):
        return of_incidents
    return (of_incidents & Q(**{of_service: False})) | (_reached(records, of) & Q(**{of_service: True}))


def _covers(within: Reach, records: Reach | None) -> bool:
    """Whether they may read the service's own chains of the same namespaces."""
    return records is not None and (records.everywhere, records.namespaces) == (within.everywhere, within.namespaces)


def _reached(reach: Reach, of: str = "") -> Q:
    return Q() if reach.everywhere else Q(**{f"{of}namespace__in": reach.namespaces})


def _said_plainly(search: Search, *, of: str = "") -> Q:
    equal = {"tool": search.tool, "agent": search.agent, "workflow_id": search.workflow}
    wanted = Q(**{f"{of}{column}": value for column, value in equal.items() if value})
    if len(search.kinds) == 1:
        wanted &= Q(**{f"{of}kind": search.kinds[0]})
    elif search.kinds:
        wanted &= Q(**{f"{of}kind__in": search.kinds})
    if search.person:
        wanted &= Q(**{f"{of}person": search.person}) | Q(**{f"{of}by": search.person})
    if search.key:
        wanted &= _of_key(f"{of}key", search.key) | _of_key(f"{of}by_key", search.key)
    if search.incident:
        named = Q(name=search.incident) | Q(label=search.incident)
        wanted &= Q(**{f"{of}chain__in": LedgerChain.objects.filter(named).values("pk")})
    return wanted


def _in_time(search: Search) -> Q:
    wanted = Q()
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


def _tokens(search: Search, within: Reach, content: Reach | None) -> list[list[int]]:
    """Return, for each word that is asked for, its tokens: every entry has one of them at most.

    An entry has words of people or of agents, never of both, and is of one namespace. Raises ``ContentIsNotYours``.
    """
    if search.asks_for_content and not content:
        raise ContentIsNotYours("value")
    if not search.words and not search.values:
        return []
    of_people = keys_within(within, namespace=search.namespace).values()
    of_agents = keys_within(content, namespace=search.namespace).values() if content else ()
    said = [
        [token(key, TermSource.SAID_BY_PEOPLE, word) for key in of_people]
        + [token(key, TermSource.SAID_BY_AGENTS, word) for key in of_agents]
        for word in search.words
    ]
    asked = [
        [token(key, TermSource.ARGUMENT, value, name=search.argument) for key in of_agents] for value in search.values
    ]
    return asked + said


def _with_one_of(tokens: list[int]) -> QuerySet[SearchTerm]:
    return SearchTerm.objects.filter(token__in=tokens)
