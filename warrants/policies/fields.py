"""Rules as the fields of a form, and back. Pure.

What is typed into a form is text; what it makes is what YAML would have made of it, which ``constraints.parse`` judges.
Where several things are listed, each stands on a line of its own. Rules within rules are one line of YAML each.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from warrants.errors import PolicyError
from warrants.policies.constraints import ANYTHING
from warrants.policies.editing import flow
from warrants.policies.reading import MAXIMUM_NUMBER, read

_NUMBER = re.compile(r"-?\d{1,17}(\.\d{1,17})?")


class Shape(StrEnum):
    """Which fields a kind of rule has: their names are those of the form."""

    TEXT = "text"
    TEXTS = "texts"
    BOUNDS = "bounds"
    WEB = "web"
    RULE = "rule"
    RULES = "rules"
    NOTHING = "nothing"


class ValueType(StrEnum):
    """What a value that is tried on a rule is typed as."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    LIST = "list"


SHAPES = {
    "exact": Shape.TEXT,
    "one_of": Shape.TEXTS,
    "not_one_of": Shape.TEXTS,
    "range": Shape.BOUNDS,
    "pattern": Shape.TEXT,
    "regex": Shape.TEXT,
    "cidr": Shape.TEXT,
    "url_pattern": Shape.TEXT,
    "url_safe": Shape.WEB,
    "subpath": Shape.TEXT,
    "shlex": Shape.TEXTS,
    "contains": Shape.TEXTS,
    "subset": Shape.TEXTS,
    "all": Shape.RULES,
    "any_of": Shape.RULES,
    "not": Shape.RULE,
    "cel": Shape.TEXT,
    ANYTHING: Shape.NOTHING,
}
# The fields of each shape.
FIELDS: dict[Shape, tuple[str, ...]] = {
    Shape.TEXT: ("text",),
    Shape.TEXTS: ("texts",),
    Shape.BOUNDS: ("minimum", "maximum"),
    Shape.WEB: ("schemes", "domains", "ports"),
    Shape.RULE: ("rule",),
    Shape.RULES: ("rules",),
    Shape.NOTHING: (),
}


def value_of(kind: str, fields: Mapping[str, Any]) -> Any:
    """Return the rule of ``kind`` with ``fields`` as YAML has it, such as ``{"one_of": ["dev"]}``.

    Raises ``PolicyError``, whose path is the field's name, for what cannot even be read.
    """
    if kind not in SHAPES:
        raise PolicyError("kind", "Choose a kind of rule.")
    shape = SHAPES[kind]
    given = {name: fields.get(name) or "" for name in FIELDS[shape]}
    match shape:
        case Shape.NOTHING:
            return ANYTHING
        case Shape.TEXT:
            return {kind: given["text"].strip()}
        case Shape.TEXTS:
            return {kind: lines_of(given["texts"])}
        case Shape.BOUNDS:
            return {kind: _bounds(given)}
        case Shape.WEB:
            return {kind: _web(given)}
        case Shape.RULE:
            return {kind: _rule(given["rule"], "rule")}
        case Shape.RULES:
            return {kind: [_rule(line, "rules") for line in lines_of(given["rules"])]}


def fields_of(value: Any) -> tuple[str, dict[str, Any]]:
    """Return the kind of a rule as YAML has it, and its fields; ("", {}) for one that no form shows as it is."""
    kind = value if isinstance(value, str) else next(iter(value), "") if isinstance(value, dict) else ""
    if not isinstance(kind, str) or kind not in SHAPES:
        return "", {}
    fields = _fields(kind, {} if kind == value else value[kind])
    try:
        return (kind, fields) if value_of(kind, fields) == value else ("", {})
    except PolicyError:
        return "", {}


def tried_value(value_type: str, text: str) -> Any:
    """Return the value that ``text`` is of that type. Raises ``PolicyError`` with a sentence."""
    if value_type == ValueType.NUMBER:
        return _number(text.strip(), "value")
    if value_type == ValueType.TRUTH:
        if text.strip() not in ("true", "false"):
            raise PolicyError("value", "Write true or false.")
        return text.strip() == "true"
    return text.split("\n") if value_type == ValueType.LIST and text else [] if value_type == ValueType.LIST else text


def typed(value: Any) -> str:
    """Return how a value is written so that its type is seen, and every character: ``"a"``, ``1``, ``["a"]``."""
    return json.dumps(value)


def _fields(kind: str, value: Any) -> dict[str, Any]:
    match SHAPES[kind], value:
        case Shape.TEXT, str():
            return {"text": value}
        case Shape.TEXTS, list():
            return {"texts": "\n".join(map(str, value))}
        case Shape.BOUNDS, dict():
            return {"minimum": str(value.get("min", "")), "maximum": str(value.get("max", ""))}
        case Shape.WEB, dict():
            listed = [value.get(name, []) for name in FIELDS[Shape.WEB]]
            if not all(isinstance(one, list) for one in listed):
                return {}
            schemes, domains, ports = listed
            return {
                "schemes": schemes,
                "domains": "\n".join(map(str, domains)),
                "ports": "\n".join(map(str, ports)),
            }
        case Shape.RULE, _:
            return {"rule": flow(value)} if isinstance(value, dict | str) else {}
        case Shape.RULES, list():
            return {"rules": "\n".join(flow(rule) for rule in value if isinstance(rule, dict | str))}
    return {}


def lines_of(text: str) -> list[str]:
    """Return what is listed in ``text``, one thing a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _bounds(given: Mapping[str, str]) -> dict[str, int | float]:
    bounds = {"min": given["minimum"].strip(), "max": given["maximum"].strip()}
    if not any(bounds.values()):
        raise PolicyError("minimum", "Give one bound at least.")
    names = {"min": "minimum", "max": "maximum"}
    return {name: _number(text, names[name]) for name, text in bounds.items() if text}


def _web(given: Mapping[str, Any]) -> dict[str, Any]:
    domains, ports = lines_of(given["domains"]), lines_of(given["ports"])
    made: dict[str, Any] = {"schemes": list(given["schemes"])}
    if domains:
        made["domains"] = domains
    if ports:
        made["ports"] = [_number(port, "ports") for port in ports]
    return made


def _rule(line: str, field: str) -> Any:
    try:
        return read(f"rule: {line}", what="rule").values["rule"]
    except (PolicyError, KeyError) as error:
        raise PolicyError(field, f"{line[:60]!r} is no rule. Write each on a line, like {{exact: auto}}.") from error


def _number(text: str, field: str) -> int | float:
    """Return a number as people write it, without exponents; whole ones stay whole."""
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise PolicyError(field, f"{text[:40]!r} is no number. Write it like 10 or 2.5.")
    number = float(text) if "." in text else int(text)
    if not math.isfinite(number) or abs(number) > MAXIMUM_NUMBER:
        raise PolicyError(field, "Numbers lie between -2^53 and 2^53.")
    return number
