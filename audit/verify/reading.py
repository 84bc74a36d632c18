"""Step 1: from bytes to lines. Nothing read here is trusted yet."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from audit.statements.entries import CHECKPOINT_FIELDS, ENTRY_FIELDS, entry_hash
from audit.statements.evidence import CHECKPOINT_LINE_FIELDS, ENTRY_LINE_FIELDS, FORMAT, json_line, text_of
from audit.statements.statements import Envelope, MalformedStatement, parse
from audit.verify.fields import Fields
from audit.verify.steps import Refused, Step, require


class UnusableInput(ValueError):
    """What was given cannot be evidence at all; the message tells what to give instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry line. ``salted`` maps attachment names to (salt, content), or None where erased."""

    line: int
    envelope: Envelope
    facts: Fields
    details: Fields
    kind: str
    sequence: int
    at_ms: int
    salted: dict[str, tuple[bytes, bytes] | None]

    @property
    def entry_hash(self) -> bytes:
        return entry_hash(self.envelope.statement)

    def content(self, name: str) -> bytes | None:
        """Return an attachment's content, or None if it was erased or never there."""
        pair = self.salted.get(name)
        return None if pair is None else pair[1]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last line."""

    line: int
    envelope: Envelope
    facts: Fields


def split(data: bytes) -> list[bytes]:
    """Return the lines of a file, newlines included. Raises ``UnusableInput`` if it is no evidence file."""
    if not data:
        raise UnusableInput("The file is empty. Give a file that was written by export_receipts.")
    if FORMAT.encode() not in data:
        raise UnusableInput(f"The file is not in the form {FORMAT}. Give a file that was written by export_receipts.")
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def read_entry(line: int, data: bytes) -> Entry:
    """Return the entry in ``data``. Raises ``Refused``."""
    value = _json(data, ENTRY_LINE_FIELDS)
    envelope = _envelope(value["entry"])
    require(set(envelope.facts) == ENTRY_FIELDS, Step.FORM, "The entry does not have the fields of an entry.")
    facts = Fields(envelope.facts, Step.FORM)
    entry = Entry(
        line=line,
        envelope=envelope,
        facts=facts,
        details=Fields(facts.mapping("details"), Step.FORM),
        kind=facts.text("kind"),
        sequence=facts.integer("sequence"),
        at_ms=facts.integer("at"),
        salted=_attachments(value["attachments"]),
    )
    repeated = json_line([value["kind"], value["sequence"]]) == json_line([entry.kind, entry.sequence])
    require(repeated, Step.FORM, "The line's kind or number is not the one that its entry says.")
    return entry


def read_checkpoint(line: int, data: bytes) -> Checkpoint:
    """Return the checkpoint in ``data``. Raises ``Refused``."""
    envelope = _envelope(_json(data, CHECKPOINT_LINE_FIELDS)["checkpoint"])
    fields = set(envelope.facts) == CHECKPOINT_FIELDS
    require(fields, Step.FORM, "The checkpoint does not have the fields of a checkpoint.")
    return Checkpoint(line, envelope, Fields(envelope.facts, Step.FORM))


def is_checkpoint(data: bytes) -> bool:
    """Return whether a line looks like a checkpoint's. Says nothing of its truth."""
    return data.startswith(b'{"checkpoint":')


def _json(data: bytes, fields: set[str]) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(Step.FORM, "The line is not JSON.") from error
    if not isinstance(value, dict) or set(value) != fields or value["format"] != FORMAT:
        raise Refused(Step.FORM, f"The line does not have the fields of a line of {FORMAT}.")
    require(json_line(value) == data, Step.FORM, "The line is JSON, but not in the one form that it may have.")
    return value


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
    require(text_of(data) == text, Step.FORM, "A base64 value is not in its only form.")
    return data
