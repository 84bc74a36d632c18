"""What the ledger can be asked for: one search, as parameters of an address and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from audit.search.errors import MalformedSearch
from audit.search.words import whole, words
from audit.statements.kinds import EntryKind

MAXIMUM_TEXT = 200
_DAY_MS = 86_400_000
_KEY = re.compile(r"[0-9a-f]{8,64}")
_TEXTS = ("agent", "argument", "incident", "key", "namespace", "person", "text", "tool", "value", "workflow")


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for; a field that is empty asks for nothing, and all others must hold.

    ``person`` is an external id. ``key`` is a public key or its SHA-256 fingerprint, hexadecimal, or the first 8 or
    more digits of the fingerprint. ``value`` are words of an argument's value or, in double quotes, the whole of it;
    ``argument`` is its name. ``text`` are words of a reason or a title. ``incident`` is its label or its root
    warrant's id. Times are UTC, in milliseconds: ``since_ms`` is the first one, ``before_ms`` the first one after.
    """

    agent: str = ""
    argument: str = ""
    incident: str = ""
    key: str = ""
    kinds: tuple[EntryKind, ...] = ()
    namespace: str = ""
    person: str = ""
    since_ms: int | None = None
    before_ms: int | None = None
    text: str = ""
    tool: str = ""
    value: str = ""
    workflow: str = ""

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Search:
        """Return the search that an address asks for; parameters of other names are no part of it.

        ``kind`` lists kinds of entries, with commas. ``from`` and ``to`` are days, both included, or moments
        (``2026-11-26T08:00Z``), of which ``to`` is not. Raises ``MalformedSearch``.
        """
        texts = {name: _text(name, parameters.get(name, "")) for name in _TEXTS}
        since = _moment("from", parameters.get("from", ""), end=False)
        before = _moment("to", parameters.get("to", ""), end=True)
        if since is not None and before is not None and since >= before:
            raise MalformedSearch("The end is not after the beginning. Choose a later one.", field="to")
        if texts["argument"] and not texts["value"]:
            raise MalformedSearch("Say which value the argument has, or empty its name.", field="value")
        texts["key"] = _key(texts["key"])
        search = cls(kinds=_kinds(parameters.get("kind", "")), since_ms=since, before_ms=before, **texts)
        for name, found in {"text": search.words, "value": search.values}.items():
            if texts[name] and not found:
                raise MalformedSearch("Type at least one word, or a number.", field=name)
        return search

    def to_parameters(self) -> dict[str, str]:
        """Return the one canonical form: names in order, nothing empty. ``from_parameters`` reads it."""
        found = {name: getattr(self, name) for name in _TEXTS}
        found["kind"] = ",".join(self.kinds)
        found["from"] = _written(self.since_ms, end=False)
        found["to"] = _written(self.before_ms, end=True)
        return {name: found[name] for name in sorted(found) if found[name]}

    @property
    def words(self) -> list[str]:
        """The words that a reason or a title must have, in the index's form."""
        return sorted(set(words(self.text)))

    @property
    def values(self) -> list[str]:
        """The words that an argument's value must have, or the value itself, in the index's form."""
        if len(self.value) > 1 and self.value[0] == self.value[-1] == '"':
            return [found] if (found := whole(self.value[1:-1])) else []
        return sorted(set(words(self.value)))

    @property
    def asks_for_content(self) -> bool:
        """Whether it looks into arguments, which not every reader may see."""
        return bool(self.value)

    def __bool__(self) -> bool:
        return bool(self.to_parameters())


def _text(name: str, value: str) -> str:
    value = value.strip()
    if len(value) > MAXIMUM_TEXT:
        raise MalformedSearch(f"Shorten this to {MAXIMUM_TEXT} characters.", field=name)
    if not value.isprintable():
        raise MalformedSearch("This has characters that cannot be searched for. Type it anew.", field=name)
    return value


def _key(value: str) -> str:
    value = value.lower().removesuffix("…")
    if value and not _KEY.fullmatch(value):
        raise MalformedSearch("A key is 8 to 64 hexadecimal digits, as pages show it. Copy it from there.", field="key")
    return value


def _kinds(value: str) -> tuple[EntryKind, ...]:
    try:
        return tuple(sorted({EntryKind(part.strip()) for part in value.split(",") if part.strip()}))
    except ValueError as error:
        raise MalformedSearch("There are no entries of this kind. Choose one from the list.", field="kind") from error


def _moment(name: str, value: str, *, end: bool) -> int | None:
    value = value.strip()
    if not value:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            day = date.fromisoformat(value) + timedelta(days=1 if end else 0)
            return _milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
        moment = datetime.fromisoformat(value)
        return _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        sentence = "Write a day as 2026-11-26, or a moment as 2026-11-26T08:00Z. Times are UTC."
        raise MalformedSearch(sentence, field=name) from error


def _milliseconds(moment: datetime) -> int:
    since_1970 = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if since_1970 < 0:
        raise ValueError(moment)
    return since_1970


def _written(at_ms: int | None, *, end: bool) -> str:
    """Return the day that begins, or ended, at ``at_ms``, or else the moment."""
    if at_ms is None:
        return ""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    if at_ms % _DAY_MS == 0:
        return (moment.date() - timedelta(days=1 if end else 0)).isoformat()
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
