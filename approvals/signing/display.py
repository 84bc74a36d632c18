"""What people are told about a call beyond the call itself. What they sign covers it, by its digest.

    display = canonical CBOR {"gate_message", "history", "reasoning", "threshold", "version": 1, "workflow_type"}
    history = list of {"arguments": bytes, "at_ms", "code", "detail", "tool", "verdict"}, oldest first
    digest  = SHA-256("countersign-display-v1" 00 || display)

The workflow makes it, cut down to what can be stored (``fitted``); the application keeps and shows exactly that,
or refuses it; approvals and denials carry the digest; workflow and worker accept no other.
The browser's twin is ``static/js/lib/display.js``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.contracts import CallRecord, CallVerdict
from approvals.texts import storable
from audit.statements import cbor
from audit.statements.statements import MalformedStatement, require_text, require_uint

CONTEXT = b"countersign-display-v1\x00"
MAXIMUM_BYTES = 128 * 1024
MAXIMUM_WORKFLOW_TYPE = 1_000
MAXIMUM_GATE_MESSAGE = 2_000
MAXIMUM_REASONING = 20_000
MAXIMUM_HISTORY = 100
MAXIMUM_NAME = 200
MAXIMUM_DETAIL = 1_000
MAXIMUM_ARGUMENTS = 6 * 1024  # bytes of an earlier call; longer ones are left out
_FIELDS = {"gate_message", "history", "reasoning", "threshold", "version", "workflow_type"}
_LINE_FIELDS = {"arguments", "at_ms", "code", "detail", "tool", "verdict"}


@dataclass(frozen=True, slots=True)
class Display:
    """``threshold`` is how many people must approve; ``history`` are the run's earlier calls, oldest first."""

    workflow_type: str
    threshold: int
    gate_message: str
    reasoning: str
    history: tuple[CallRecord, ...] = ()

    def to_bytes(self) -> bytes:
        """Return what the digest is of. Raises ``MalformedBytes`` for text that is not Unicode."""
        return cbor.encode(
            {
                "version": 1,
                "workflow_type": self.workflow_type,
                "threshold": self.threshold,
                "gate_message": self.gate_message,
                "reasoning": self.reasoning,
                "history": [_line_facts(line) for line in self.history],
            }
        )

    @property
    def digest(self) -> bytes:
        return digest_of(self.to_bytes())


def digest_of(display: bytes) -> bytes:
    """Return the 32 bytes that decisions carry for the bytes of a display."""
    return hashlib.sha256(CONTEXT + display).digest()


def fitted(display: Display) -> Display:
    """Return ``display`` as it can be stored and shown; what fits already stays as it is.

    Long texts are cut with a mark. Of a long history the denied calls are the last to be left out, then the newest.
    """
    plain = Display(
        workflow_type=display.workflow_type,
        threshold=display.threshold,
        gate_message=storable(display.gate_message, MAXIMUM_GATE_MESSAGE),
        reasoning=storable(display.reasoning, MAXIMUM_REASONING),
    )
    room = MAXIMUM_BYTES - len(plain.to_bytes())
    return Display(
        plain.workflow_type, plain.threshold, plain.gate_message, plain.reasoning, _fitted(display.history, room)
    )


def _fitted(lines: Sequence[CallRecord], room: int) -> tuple[CallRecord, ...]:
    """Return the lines that fit into ``room`` bytes, in order."""
    by_weight = sorted(range(len(lines)), key=lambda i: (lines[i].verdict == CallVerdict.DENIED, i), reverse=True)
    kept = {}
    for index in by_weight[:MAXIMUM_HISTORY]:
        line = _fitted_line(lines[index])
        room -= len(cbor.encode(_line_facts(line)))
        if room < 0:
            break
        kept[index] = line
    return tuple(kept[index] for index in sorted(kept))


def _fitted_line(line: CallRecord) -> CallRecord:
    return CallRecord(
        tool=storable(line.tool, MAXIMUM_NAME),
        verdict=line.verdict,
        at_ms=line.at_ms,
        code=storable(line.code, MAXIMUM_NAME),
        detail=storable(line.detail, MAXIMUM_DETAIL),
        arguments_cbor=base64.b64encode(_arguments(line)).decode(),
    )


def _arguments(line: CallRecord) -> bytes:
    """Return the arguments' bytes, or nothing if they are too long or no base64."""
    try:
        data = base64.b64decode(line.arguments_cbor, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if len(data) <= MAXIMUM_ARGUMENTS else b""


def _line_facts(line: CallRecord) -> dict[str, Any]:
    return {
        "tool": line.tool,
        "verdict": line.verdict,
        "at_ms": line.at_ms,
        "code": line.code,
        "detail": line.detail,
        "arguments": _arguments(line),
    }


def read(data: bytes) -> Display:
    """Return the display in ``data``. Raises ``MalformedStatement`` naming the field."""
    try:
        facts = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("display", f"What is shown cannot be read. {error}") from error
    if not isinstance(facts, dict) or set(facts) != _FIELDS or facts["version"] is True or facts["version"] != 1:
        raise MalformedStatement("display", "What is shown is not of a form that is known here.")
    lines = facts["history"]
    if not isinstance(lines, list) or len(lines) > MAXIMUM_HISTORY:
        raise MalformedStatement("history", f"history is not a list of at most {MAXIMUM_HISTORY} calls.")
    return Display(
        workflow_type=require_text("workflow_type", facts["workflow_type"], MAXIMUM_WORKFLOW_TYPE),
        threshold=require_uint("threshold", facts["threshold"]),
        gate_message=require_text("gate_message", facts["gate_message"], MAXIMUM_GATE_MESSAGE),
        reasoning=require_text("reasoning", facts["reasoning"], MAXIMUM_REASONING),
        history=tuple(_read_line(line) for line in lines),
    )


def _read_line(line: Any) -> CallRecord:
    if not isinstance(line, dict) or set(line) != _LINE_FIELDS or line["verdict"] not in list(CallVerdict):
        raise MalformedStatement("history", "A line of the history is not a call with its verdict.")
    if not isinstance(line["arguments"], bytes) or len(line["arguments"]) > MAXIMUM_ARGUMENTS:
        raise MalformedStatement("history", f"history has arguments that are not at most {MAXIMUM_ARGUMENTS} bytes.")
    at_ms = require_uint("history", line["at_ms"])
    if at_ms >= 2**48:
        raise MalformedStatement("history", "A line of the history has no time.")
    return CallRecord(
        tool=require_text("history", line["tool"], MAXIMUM_NAME),
        verdict=line["verdict"],
        at_ms=at_ms,
        code=require_text("history", line["code"], MAXIMUM_NAME),
        detail=require_text("history", line["detail"], MAXIMUM_DETAIL),
        arguments_cbor=base64.b64encode(line["arguments"]).decode(),
    )
