"""The evidence bundle "countersign-evidence-v2": JSON Lines, of one chain or of many.

    bundle line  {"about": {"chain", "kind": "chain"} | {"kind": "search", "search": {name: text}}, "format",
                 "line": "bundle"}; about a chain of the service's own also "endorsements": [base64 of envelopes]
    then, of every chain, in the order of their names, each whole:
    entry line   {"attachments": {name: {"content": base64, "salt": base64} | null}, "entry": base64 of the signed
                 envelope, "format", "kind", "line": "entry", "match": bool, "says": text, "sequence"}
    end line     {"end": base64 of the envelope over the chain's size and head, "format", "line": "end", "log": LOG}
    then, by chain and sequence, what other chains say of this:
    record line  an entry line without "match", with "line": "record" and "log": LOG
    close line   {"chains": number, "earlier": [EARLIER], "entries": number, "format", "line": "close",
                 "matches": number, "periods": [{"count", "period": "2026-11", "root": hex}], "records": number,
                 "root": hex}

    LOG     = {"note": text of a checkpoint, "origin": the log's name, "position": from 0, "proof": [base64]}
    EARLIER = {"kept": text of a checkpoint, "note": text of one of this bundle's, "proof": [base64]}

An attachment is null when its content was erased. "kind", "sequence" and "says" repeat what the envelope says, for
people who search or read the file. Every line is JSON in one form only: keys sorted, no spaces, ASCII, one newline.
``docs/evidence.md`` explains it with examples, ``audit.verify.steps`` says how it is verified.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.statements.population import Totals, moment
from audit.statements.statements import Envelope

FORMAT = "countersign-evidence-v2"
BUNDLE, ENTRY, END, RECORD, CLOSE = "bundle", "entry", "end", "record", "close"
LINE_FIELDS = {
    BUNDLE: {"about", "format", "line"},
    ENTRY: {"attachments", "entry", "format", "kind", "line", "match", "says", "sequence"},
    END: {"end", "format", "line", "log"},
    RECORD: {"attachments", "entry", "format", "kind", "line", "log", "says", "sequence"},
    CLOSE: {"chains", "earlier", "entries", "format", "line", "matches", "periods", "records", "root"},
}
LOG_FIELDS = {"note", "origin", "position", "proof"}
EARLIER_FIELDS = {"kept", "note", "proof"}

_ONE_FORM = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)

Salted = Mapping[str, "tuple[bytes, bytes] | None"]


@dataclass(frozen=True, slots=True)
class Located:
    """Where an entry is in a log, with the proof (hashes of 32 bytes) that leads to the root of the ``note``."""

    origin: str
    position: int
    proof: Sequence[bytes]
    note: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The proof that the trees of two checkpoints of one log are the same tree, the smaller one earlier."""

    kept: str
    note: str
    proof: Sequence[bytes]


def about_chain(chain: str, *, endorsements: Sequence[bytes] | None = None) -> dict[str, Any]:
    """Return what a bundle of one chain is about. ``endorsements`` belong to a chain of the service's own."""
    about: dict[str, Any] = {"chain": chain, "kind": "chain"}
    if endorsements is not None:
        about["endorsements"] = [text_of(envelope) for envelope in endorsements]
    return about


def about_search(search: Mapping[str, str]) -> dict[str, Any]:
    """Return what a bundle of a search is about; ``search`` are its terms by name."""
    return {"kind": "search", "search": dict(search)}


def bundle_line(about: Mapping[str, Any]) -> bytes:
    """Return the first line."""
    return _line(BUNDLE, about=about)


def entry_line(envelope: Envelope, *, attachments: Salted, match: bool) -> bytes:
    """Return one entry's line; ``attachments`` maps names to (salt, content), or to None where erased."""
    return _line(ENTRY, **_repeated(envelope, attachments), match=match)


def end_line(envelope: Envelope, log: Located) -> bytes:
    """Return the line that ends a chain."""
    return _line(END, end=text_of(envelope.to_bytes()), log=_log(log))


def record_line(envelope: Envelope, *, attachments: Salted, log: Located) -> bytes:
    """Return the line of a single entry of another chain."""
    return _line(RECORD, **_repeated(envelope, attachments), log=_log(log))


def close_line(*, chains: int, entries: int, records: int, totals: Totals, earlier: Iterable[Earlier]) -> bytes:
    """Return the last line."""
    return _line(
        CLOSE,
        chains=chains,
        earlier=[{"kept": one.kept, "note": one.note, "proof": _texts(one.proof)} for one in earlier],
        entries=entries,
        matches=totals.count,
        periods=[period.as_json() for period in totals.periods],
        records=records,
        root=totals.root.hex(),
    )


def says(kind: str, at_ms: int, details: Mapping[str, Any]) -> str:
    """Return in one line what an entry says. Raises ``ValueError`` for a time after the year 9999."""
    parts = [f"{moment(at_ms):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z", kind]
    parts += [value for name in ("tool", "person") if isinstance(value := details.get(name), str) and value]
    reason = details.get("reason")
    if isinstance(reason, str) and reason:
        parts.append(json.dumps(reason, ensure_ascii=True))
    return "  ".join(parts)


def json_line(value: object) -> bytes:
    """Return ``value`` in the only form that a line may have, newline included."""
    return _ONE_FORM.encode(value).encode() + b"\n"


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _line(line: str, **fields: object) -> bytes:
    return json_line({"format": FORMAT, "line": line, **fields})


def _repeated(envelope: Envelope, attachments: Salted) -> dict[str, object]:
    facts = envelope.facts
    return {
        "attachments": _stored(attachments),
        "entry": text_of(envelope.to_bytes()),
        "kind": facts["kind"],
        "says": says(facts["kind"], facts["at"], facts["details"]),
        "sequence": facts["sequence"],
    }


def _stored(attachments: Salted) -> dict[str, dict[str, str] | None]:
    return {
        name: None if pair is None else {"content": text_of(pair[1]), "salt": text_of(pair[0])}
        for name, pair in attachments.items()
    }


def _log(log: Located) -> dict[str, object]:
    return {"note": log.note, "origin": log.origin, "position": log.position, "proof": _texts(log.proof)}


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [text_of(one) for one in hashes]
