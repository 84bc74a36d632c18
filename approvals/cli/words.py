"""Values, constraints and warrants as a person reads them. The twins are values.js, constraints.js, warrant-view.js.

Everything that came from an agent or a server goes through ``approvals.agent_text.visible``: no character of it
can move the cursor, change the terminal, or pass for another. Line feeds are kept and indented by ``show``.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from approvals.agent_text import visible
from audit.statements import constraint_words


def value_lines(name: str, value: Any, indent: int = 0) -> Iterator[str]:
    """Return the lines of one argument: name, value, type, and what the eye would miss."""
    pad, shown = "  " * indent, visible(name)
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "map"
        yield f"{pad}{shown}  ({kind}{', is empty' if not value else ''})"
        items = enumerate(value, 1) if isinstance(value, list) else value.items()
        for inner, item in items:
            yield from value_lines(str(inner), item, indent + 1)
        return
    kind, text = _scalar(value)
    notes = "".join(f", {note}" for note in _notes(value)) if isinstance(value, str) else ""
    first, *rest = text.split("\n")
    yield f"{pad}{shown} = {first}" + ("" if rest else f"  ({kind}{notes})")
    for line in rest:
        yield f"{pad}{' ' * len(shown)} | {line}"
    if rest:
        yield f"{pad}{' ' * len(shown)}   ({kind}{notes})"


def _scalar(value: Any) -> tuple[str, str]:
    if value is None:
        return "nothing", "null"
    if isinstance(value, bool):
        return "true or false", "true" if value else "false"
    if isinstance(value, int):
        return "whole number", str(value)
    if isinstance(value, float):
        return "decimal number", repr(value)
    if isinstance(value, bytes):
        return "bytes", value.hex()
    return "text", f'"{visible(value)}"'


def _notes(text: str) -> Iterator[str]:
    if text[:1].isspace():
        yield "begins with a space"
    if text[-1:].isspace():
        yield "ends with a space"
    if "\n" in text or "\r" in text:
        yield "has several lines"
    if not text:
        yield "is empty"
    if any(character.isalpha() and not _is_latin(character) for character in text):
        yield "has letters that are not Latin"


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, "").startswith(("LATIN", "MODIFIER"))


def describe(constraint: Any) -> str:
    """Return what a constraint ([type, rule]) allows, in words."""
    return visible(constraint_words.describe(constraint))


def gate_sentences(gate: Any) -> list[str]:
    """Return what a gate ({"args": rules or None}) stops, in words."""
    rules = gate.get("args") if isinstance(gate, dict) else "unreadable"
    if rules is None:
        return ["every call needs a signature"]
    if not isinstance(rules, dict):
        return ["a gate that cannot be read here"]
    return [_gate_rule(visible(str(argument)), rule) for argument, rule in rules.items()]


def _gate_rule(argument: str, rule: Any) -> str:
    if rule == "all":
        return f"every call with {argument} needs a signature"
    if isinstance(rule, dict):
        return f"needs a signature unless {argument} is {describe(rule.get('exempt'))}"
    return f"needs a signature if {argument} is {describe(rule)}"


def moment(seconds: float) -> str:
    """Return UTC seconds since 1970 as people read them."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "at no time that can be shown"


def one_line(value: Any, maximum: int = 300) -> str:
    """Return a text of the server's, on one line."""
    text = " ".join(visible(value if isinstance(value, str) else json.dumps(value, default=str)).split())
    return text if len(text) <= maximum else f"{text[:maximum]}…"
