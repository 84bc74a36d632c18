"""Values, constraints and warrants as a person reads them. The twins are values.js, constraints.js, warrant-view.js.

Everything that came from an agent or a server goes through ``approvals.agent_text.visible``: no character of it
can move the cursor, change the terminal, or pass for another. Line feeds are kept and indented by ``show``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from approvals.agent_text import visible

EXACT, PATTERN, RANGE, ONE_OF, REGEX, NOT_ONE_OF, CIDR, URL_PATTERN, CONTAINS, SUBSET = 1, 2, 3, 4, 5, 7, 8, 9, 10, 11
ALL, ANY_OF, NOT, CEL, WILDCARD, SUBPATH, URL_SAFE, SHLEX = 12, 13, 14, 15, 16, 17, 18, 128
_DEEPEST = 8
_WHOLE = re.compile(r"\\A\(\?:(.*)\)\\z", re.DOTALL)
_BLOCKS = ("block_private", "block_loopback", "block_metadata", "block_reserved")
_URL_PARTS = (("with", "schemes"), ("on", "allow_domains"), ("but not on", "deny_domains"), ("at port", "allow_ports"))


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


def describe(constraint: Any, depth: int = 0) -> str:
    """Return what a constraint ([type, rule]) allows, in words."""
    if depth > _DEEPEST or not isinstance(constraint, list) or len(constraint) != 2:
        return "a rule that cannot be read here"
    kind, rule = constraint
    part = rule.get if isinstance(rule, dict) else lambda _: None
    inner = [_describe_inner(item, depth + 1) for item in part("constraints") or [] if kind in (ALL, ANY_OF)]
    words = {
        EXACT: lambda: f"exactly {_quoted(part('value'))}",
        ONE_OF: lambda: f"one of {_quoted(part('values'))}",
        NOT_ONE_OF: lambda: f"anything but {_quoted(part('excluded'))}",
        RANGE: lambda: _range(part),
        WILDCARD: lambda: "anything",
        CONTAINS: lambda: f"a list with {_quoted(part('required'))} in it",
        SUBSET: lambda: f"a list of only {_quoted(part('allowed'))}",
        ALL: lambda: " and ".join(inner),
        ANY_OF: lambda: ", or ".join(inner),
        NOT: lambda: f"not {_describe_inner(part('constraint'), depth + 1)}",
        PATTERN: lambda: f"text like {_quoted(part('pattern'))}",
        REGEX: lambda: _regex(part("pattern")),
        CIDR: lambda: f"an address in {_quoted(rule)}",
        URL_PATTERN: lambda: f"a web address like {_quoted(rule)}",
        CEL: lambda: f"what the expression {_quoted(part('expression'))} allows",
        SUBPATH: lambda: _subpath(part),
        URL_SAFE: lambda: _url_safe(part),
        SHLEX: lambda: f"a command of {_quoted(part('allow'))}",
    }
    found = words.get(kind) if isinstance(kind, int) else None
    return visible(found()) if found else f"a rule of type {kind!r}, which is not known here"


def _describe_inner(constraint: Any, depth: int) -> str:
    """Return what a constraint allows, in brackets where it has several parts itself."""
    words = describe(constraint, depth)
    kind = constraint[0] if isinstance(constraint, list) and constraint else None
    return f"({words})" if kind in (ALL, ANY_OF, RANGE) else words


def _regex(pattern: Any) -> str:
    """Say whether the whole text must match: Tenuo finds it anywhere, unless the expression says otherwise."""
    whole = _WHOLE.fullmatch(pattern) if isinstance(pattern, str) else None
    if whole:
        return f"text that as a whole matches the expression {_quoted(whole[1])}"
    return f"text with something in it that matches the expression {_quoted(pattern)}"


def _subpath(part: Any) -> str:
    alike = ", in upper or lower case" if part("case_sensitive") is False else ""
    itself = ", but not that itself" if part("allow_equal") is False else ""
    return f"a path under {_quoted(part('root'))}{alike}{itself}"


def _url_safe(part: Any) -> str:
    is_open = any(part(name) is not True for name in _BLOCKS)
    words = "a web address, internal ones too" if is_open else "a web address that is not internal"
    return words + "".join(f", {word} {_quoted(part(name))}" for word, name in _URL_PARTS if part(name) is not None)


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


def _quoted(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_quoted(item) for item in value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str)


def _range(part: Any) -> str:
    low, high = part("min"), part("max")
    least = f"{'more than' if part('min_inclusive') is False else 'at least'} {_quoted(low)}"
    most = f"{'less than' if part('max_inclusive') is False else 'at most'} {_quoted(high)}"
    if low is None and high is None:
        return "any number"
    if low is None:
        return most
    return least if high is None else f"{least} and {most}"


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
