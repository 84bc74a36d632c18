"""Reading YAML that people write: plain values only, each reachable by its path, so that errors name the place. Pure.

Taken from YAML: maps with text keys, lists, text, numbers, true and false. Refused: tags, anchors, aliases,
directives, a key given twice, several documents, and more than ``MAXIMUM_CHARACTERS``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from warrants.errors import PolicyError

MAXIMUM_CHARACTERS = 64 * 1024
# Tenuo's ranges are 64-bit floats, which hold every whole number up to here.
MAXIMUM_NUMBER = 2**53

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null", "str")}
_REFUSED_TOKENS = {
    yaml.TagToken: "tags",
    yaml.AnchorToken: "anchors",
    yaml.AliasToken: "aliases",
    yaml.DirectiveToken: "directives",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A map of the file, at ``path``."""

    values: dict[str, Any]
    path: str = ""

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def only(self, *names: str) -> None:
        """Refuse keys other than ``names``: a misspelt key must not be silently ignored."""
        for name in self.values:
            if name not in names:
                raise PolicyError(self.at(name), f"This is not known here. Known here: {', '.join(names)}.")

    def item(self, name: str) -> Any:
        if name not in self.values:
            raise PolicyError(self.at(name), f"{name} is missing. Add it.")
        return self.values[name]

    def section(self, name: str) -> Section:
        """Return the map ``name``, which must not be empty."""
        value = self.item(name)
        if not isinstance(value, dict) or not value:
            raise PolicyError(self.at(name), f"{name} must be a map with at least one key.")
        return Section(value, self.at(name))

    def named(self, name: str, pattern: re.Pattern[str], form: str) -> str:
        """Return ``name``, one of this map's keys, if it is of ``form``."""
        if not pattern.fullmatch(name):
            raise PolicyError(self.at(name[:80]), f"The name must be {form}.")
        return name

    def text(self, name: str, *, maximum: int) -> str:
        return plain_text(self.item(name), self.at(name), maximum=maximum)

    def texts(self, name: str, *, maximum: int) -> tuple[str, ...]:
        """Return a list of at least one text, each ``maximum`` characters at most and given once."""
        value = self.item(name)
        if not isinstance(value, list) or not value:
            raise PolicyError(self.at(name), f"{name} must be a list of at least one text.")
        texts: list[str] = []
        for index, item in enumerate(value):
            text = plain_text(item, f"{self.at(name)}[{index}]", maximum=maximum)
            if text in texts:
                raise PolicyError(f"{self.at(name)}[{index}]", f"{text!r} is listed twice. List it once.")
            texts.append(text)
        return tuple(texts)

    def whole_number(self, name: str, *, minimum: int, maximum: int) -> int:
        value = self.item(name)
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise PolicyError(self.at(name), f"{name} must be a whole number from {minimum} to {maximum}.")
        return value

    def flag(self, name: str) -> bool:
        value = self.item(name)
        if not isinstance(value, bool):
            raise PolicyError(self.at(name), f"{name} must be true or false.")
        return value

    def number(self, name: str) -> int | float | None:
        """Return a finite number, or None if there is no ``name``."""
        if name not in self.values:
            return None
        value = self.values[name]
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise PolicyError(self.at(name), f"{name} must be a number.")
        if not math.isfinite(value) or abs(value) > MAXIMUM_NUMBER:
            raise PolicyError(self.at(name), f"{name} must be a finite number between -2^53 and 2^53.")
        return value


def plain_text(value: object, path: str, *, maximum: int) -> str:
    """Return ``value`` if it is one line of printable text without spaces around it."""
    if not isinstance(value, str):
        raise PolicyError(path, "This must be text. Put it in quotes if YAML reads it as something else.")
    if not value or len(value) > maximum or value != value.strip() or not value.isprintable():
        raise PolicyError(path, f"This must be 1 to {maximum} printable characters without spaces around them.")
    return value


def read(text: str, *, what: str = "policy") -> Section:
    """Return the outermost map of a policy, or of ``what`` else is written in this way. Raises ``PolicyError``."""
    if len(text) > MAXIMUM_CHARACTERS:
        raise PolicyError("", f"The {what} is longer than {MAXIMUM_CHARACTERS} characters. Split it in two.")
    try:
        _refuse_tokens(text, what)
        value = _plain(yaml.compose(text, Loader=yaml.SafeLoader), "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" Look at line {mark.line + 1}, column {mark.column + 1}." if mark else ""
        raise PolicyError("", f"The {what} is not one YAML document.{place}") from error
    except RecursionError as error:
        raise PolicyError("", f"The {what} is nested far too deep.") from error
    if not isinstance(value, dict):
        raise PolicyError("", f"The {what} must be a map of named values.")
    return Section(value)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a named value stands in a text: its line, from 1, and the characters from its name to its end."""

    line: int
    start: int
    end: int


def places(text: str) -> dict[str, Place]:
    """Return where every value of a text that ``read`` takes stands, by its path. Raises ``PolicyError``."""
    found: dict[str, Place] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _place(node, "", found)
    except RecursionError as error:
        raise PolicyError("", "This is nested far too deep.") from error
    return found


def _place(node: yaml.Node, path: str, found: dict[str, Place]) -> int:
    """Note the places of what is in ``node``; return where it ends, without the white space after it."""
    end: int = node.start_mark.index
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{path}.{key.value}" if path else str(key.value)
            end = _place(value, inner, found)
            found[inner] = Place(key.start_mark.line + 1, key.start_mark.index, end)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            inner = f"{path}[{index}]"
            end = _place(item, inner, found)
            found[inner] = Place(item.start_mark.line + 1, item.start_mark.index, end)
    # What stands in brackets, and texts, know their end; a block only that of what comes next.
    is_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    return end if is_block else node.end_mark.index


def _refuse_tokens(text: str, what: str) -> None:
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        for kind, name in _REFUSED_TOKENS.items():
            if isinstance(token, kind):
                raise PolicyError("", f"YAML {name} are not allowed in a {what}. Look at {_line(token.start_mark)}.")


def _plain(node: yaml.Node | None, path: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path)
    raise PolicyError(path, "There is nothing in it.")


def _mapping(node: yaml.MappingNode, path: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _plain(key_node, path)
        if not isinstance(key, str):
            raise PolicyError(path, f"A key is not text. Put it in quotes: {_line(key_node.start_mark)}.")
        inner = f"{path}.{key}" if path else key
        if key in values:
            raise PolicyError(inner, f"This is given twice, again in {_line(key_node.start_mark)}. Give it once.")
        values[key] = _plain(value_node, inner)
    return values


def _scalar(node: yaml.ScalarNode, path: str) -> Any:
    if node.tag not in _PLAIN_TAGS:
        raise PolicyError(path, "YAML reads this as something other than text or a number. Put it in quotes.")
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError as error:
        raise PolicyError(path, "This number cannot be read.") from error


def _line(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}" if mark else "the file"
