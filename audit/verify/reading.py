"""Step 1: from bytes to lines. Nothing read here is trusted yet."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.statements import evidence
from audit.statements.entries import CHECKPOINT_FIELDS, ENTRY_FIELDS, entry_hash
from audit.statements.evidence import EARLIER_FIELDS, FORMAT, LINE_FIELDS, LOG_FIELDS, Earlier, Located
from audit.statements.population import LAST_MS, Period, Totals
from audit.statements.statements import LARGEST_NUMBER, Envelope, MalformedStatement, parse
from audit.verify.fields import Fields
from audit.verify.steps import Refused, Step, require

_PERIOD_FIELDS = {"count", "period", "root"}


class UnusableInput(ValueError):
    """What was given cannot be evidence at all; the message tells what to give instead."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The first line. ``chain`` is empty for a search; ``endorsements`` are there for the service's own chains."""

    line: int
    chain: str
    search: dict[str, str]
    endorsements: list[bytes] | None

    @property
    def subject(self) -> str:
        """Return what the file is about, in words."""
        terms = ", ".join(f"{name} {value!r}" for name, value in self.search.items())
        return self.chain or f"a search for {terms or 'everything'}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry or a record. ``salted`` maps attachment names to (salt, content), or None where erased.

    ``log`` is there for a record alone, ``is_match`` is said of an entry alone.
    """

    line: int
    envelope: Envelope
    facts: Fields
    details: Fields
    kind: str
    sequence: int
    at_ms: int
    chain: str
    salted: dict[str, tuple[bytes, bytes] | None]
    says: str
    is_match: bool = False
    log: Located | None = None

    @property
    def entry_hash(self) -> bytes:
        return entry_hash(self.envelope.statement)

    def content(self, name: str) -> bytes | None:
        """Return an attachment's content, or None if it was erased or never there."""
        pair = self.salted.get(name)
        return None if pair is None else pair[1]


@dataclass(frozen=True, slots=True)
class End:
    """The line that ends a chain."""

    line: int
    envelope: Envelope
    facts: Fields
    log: Located


@dataclass(frozen=True, slots=True)
class Close:
    """The last line. The root of ``totals`` is over what was found, its count is the number of matches."""

    line: int
    chains: int
    entries: int
    records: int
    totals: Totals
    earlier: list[Earlier]


Item = Bundle | Entry | End | Close


def read(line: int, data: bytes) -> Item:
    """Return what the line ``data`` holds. Raises ``Refused``."""
    value = _json(data)
    return _READERS[value["line"]](line, value)


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(Step.FORM, "The line is not JSON.") from error
    name = value.get("line") if isinstance(value, dict) else None
    known = isinstance(name, str) and set(value) == LINE_FIELDS.get(name) and value["format"] == FORMAT
    require(known, Step.FORM, f"The line does not have the fields of a line of {FORMAT}.")
    require(evidence.json_line(value) == data, Step.FORM, "The line is JSON, but not in the one form that it may have.")
    return dict(value)


def _bundle(line: int, value: dict[str, Any]) -> Bundle:
    about = value["about"]
    require(isinstance(about, dict), Step.FORM, "The first line does not say what the file is about.")
    fields, kind = set(about) - {"endorsements"}, about.get("kind")
    of_chain = kind == "chain" and fields == {"chain", "kind"} and isinstance(about["chain"], str)
    of_search = kind == "search" and fields == {"kind", "search"} and _is_texts(about["search"])
    require(of_chain or of_search, Step.FORM, "The first line does not say what the file is about.")
    endorsements = [_base64(item) for item in _list(about["endorsements"])] if "endorsements" in about else None
    return Bundle(line, about["chain"] if of_chain else "", {} if of_chain else dict(about["search"]), endorsements)


def _entry(line: int, value: dict[str, Any]) -> Entry:
    require(isinstance(value["match"], bool), Step.FORM, "The line does not say whether the entry was searched for.")
    return _entry_of(line, value, is_match=value["match"])


def _record(line: int, value: dict[str, Any]) -> Entry:
    return _entry_of(line, value, log=_log(value["log"]))


def _entry_of(line: int, value: dict[str, Any], **more: Any) -> Entry:
    envelope = _envelope(value["entry"])
    require(set(envelope.facts) == ENTRY_FIELDS, Step.FORM, "The entry does not have the fields of an entry.")
    facts = Fields(envelope.facts, Step.FORM)
    details, kind, sequence, at_ms = (
        facts.mapping("details"),
        facts.text("kind"),
        facts.integer("sequence"),
        facts.integer("at"),
    )
    require(at_ms <= LAST_MS, Step.FORM, "The entry's time is after the year 9999.")
    said = evidence.says(kind, at_ms, details)
    repeated = (value["kind"], value["sequence"]) == (kind, sequence) and type(value["sequence"]) is int
    require(repeated, Step.FORM, "The line's kind or number is not the one that its entry says.")
    require(value["says"] == said, Step.FORM, "The line says something else than its entry.")
    return Entry(
        line=line,
        envelope=envelope,
        facts=facts,
        details=Fields(details, Step.FORM),
        kind=kind,
        sequence=sequence,
        at_ms=at_ms,
        chain=facts.text("chain"),
        salted=_attachments(value["attachments"]),
        says=said,
        **more,
    )


def _end(line: int, value: dict[str, Any]) -> End:
    envelope = _envelope(value["end"])
    fields = set(envelope.facts) == CHECKPOINT_FIELDS
    require(fields, Step.FORM, "The end of the chain does not have the fields that it must have.")
    return End(line, envelope, Fields(envelope.facts, Step.FORM), _log(value["log"]))


def _close(line: int, value: dict[str, Any]) -> Close:
    periods = [_period(item) for item in _list(value["periods"])]
    return Close(
        line=line,
        chains=_number(value["chains"]),
        entries=_number(value["entries"]),
        records=_number(value["records"]),
        totals=Totals(_number(value["matches"]), tuple(periods), _hex(value["root"])),
        earlier=[_earlier(item) for item in _list(value["earlier"])],
    )


_READERS: dict[str, Callable[[int, dict[str, Any]], Item]] = {
    evidence.BUNDLE: _bundle,
    evidence.ENTRY: _entry,
    evidence.END: _end,
    evidence.RECORD: _record,
    evidence.CLOSE: _close,
}


def _period(value: Any) -> Period:
    known = isinstance(value, dict) and set(value) == _PERIOD_FIELDS and isinstance(value["period"], str)
    require(known, Step.FORM, "A period does not have the fields that it must have.")
    return Period(value["period"], _number(value["count"]), _hex(value["root"]))


def _earlier(value: Any) -> Earlier:
    known = isinstance(value, dict) and set(value) == EARLIER_FIELDS
    require(known, Step.FORM, "A proof from a checkpoint does not have the fields that it must have.")
    return Earlier(_text(value["kept"]), _text(value["note"]), [_base64(item) for item in _list(value["proof"])])


def _log(value: Any) -> Located:
    known = isinstance(value, dict) and set(value) == LOG_FIELDS
    require(known, Step.FORM, "The place in a log does not have the fields that it must have.")
    proof = [_base64(item) for item in _list(value["proof"])]
    return Located(_text(value["origin"]), _number(value["position"]), proof, _text(value["note"]))


def _envelope(text: Any) -> Envelope:
    try:
        return parse(_base64(text))
    except MalformedStatement as error:
        raise Refused(Step.FORM, str(error)) from error


def _attachments(value: Any) -> dict[str, tuple[bytes, bytes] | None]:
    require(isinstance(value, dict), Step.FORM, "The attachments are not named.")
    salted: dict[str, tuple[bytes, bytes] | None] = {}
    for name, stored in value.items():
        if stored is None:
            salted[name] = None
            continue
        parts = isinstance(stored, dict) and set(stored) == {"content", "salt"}
        require(parts, Step.FORM, f"The attachment {name!r} does not have its two parts.")
        salted[name] = (_base64(stored["salt"]), _base64(stored["content"]))
    return salted


def _base64(text: Any) -> bytes:
    require(isinstance(text, str), Step.FORM, "A value that must be base64 is not text.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(Step.FORM, "A value that must be base64 is not.") from error
    require(evidence.text_of(data) == text, Step.FORM, "A base64 value is not in its only form.")
    return data


def _hex(value: Any) -> bytes:
    try:
        data = bytes.fromhex(_text(value))
    except ValueError as error:
        raise Refused(Step.FORM, "A root is not 64 hexadecimal digits.") from error
    require(len(data) == 32 and data.hex() == value, Step.FORM, "A root is not 64 hexadecimal digits.")
    return data


def _number(value: Any) -> int:
    fits = type(value) is int and 0 <= value <= LARGEST_NUMBER
    require(fits, Step.FORM, "A value that must be a whole number from 0 is not.")
    return int(value)


def _text(value: Any) -> str:
    require(isinstance(value, str), Step.FORM, "A value that must be text is not.")
    return str(value)


def _list(value: Any) -> list[Any]:
    require(isinstance(value, list), Step.FORM, "A value that must be a list is not.")
    return list(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
