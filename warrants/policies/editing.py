"""Changing one value of a policy's text and nothing else: its comments, its order, its spaces stay. Pure.

A value is found by where YAML says it stands, and written in its place; one that is not there yet is put behind those
that are. What was written is then read again: unless it is what the text said before but for this one value, the change
is refused. So the worst that can happen to a text is nothing.

A path is the names that lead to a value, such as ``("tools", "restart_service", "arguments", "environment")``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import yaml

from warrants.errors import PolicyError
from warrants.policies.reading import read

__all__ = ["Path", "flow", "put", "take_out", "values_of"]

Path: TypeAlias = tuple[str, ...]

_INDENT = 2
_BREAK = r"\n\r\x85\u2028\u2029"
_REST_OF_LINE = re.compile(rf"[^{_BREAK}]*")
_LINE_BREAK = re.compile(rf"\r\n|[{_BREAK}]")
_COMMENT_LINE = re.compile(rf"(?:\r\n|[{_BREAK}])( *)#[^{_BREAK}]*")
_ONLY_COMMENT = re.compile(r"[ \t]*(?:#.*)?")
# Texts that need no quotes wherever they stand.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./'-]*(?: [A-Za-z0-9_./'-]+)*")
# What YAML 1.1 reads as something other than text, beside what this reader does.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_RESOLVER = yaml.resolver.Resolver()
_TEXT_TAG = "tag:yaml.org,2002:str"


@lru_cache(maxsize=4)
def values_of(text: str) -> dict[str, Any]:
    """Return what ``text`` says, once for several changes in a row: nobody changes the map. Raises ``PolicyError``."""
    return read(text).values


def put(
    text: str,
    path: Path,
    value: Any,
    *,
    blocks: int = 0,
    instead_of: Collection[str] = (),
    behind: Collection[str] = (),
) -> str:
    """Return ``text`` with ``value`` at ``path``, where it replaces what is there.

    ``value`` is made of maps, lists, text, numbers and truths. It and ``blocks - 1`` levels of maps below it are
    written in lines of their own, unless they stand in braces. ``instead_of`` are names beside the last of ``path``:
    if it is missing, the first of them that is there is replaced, name and all. ``behind`` are names beside it too: if
    it is new, it is put behind the last of them that is there, and otherwise behind all.

    Raises ``PolicyError`` for a text that cannot be read, and where it is written so that only people can change it.
    """
    before = values_of(text)
    if _at(before, path) == (True, value):
        return text
    wanted = deepcopy(before)
    replaced = _set(wanted, path, value, instead_of)
    map_node, depth = _deepest_map(_root(text), path)
    entry = _entry(map_node, path[depth])
    if entry is None and depth == len(path) - 1 and replaced:
        entry = _entry(map_node, replaced)
    written = _Written(path[depth], _nested(path[depth + 1 :], value), blocks + len(path) - depth - 1)
    if entry is None:
        edited = _inserted(text, map_node, written, behind if depth == len(path) - 1 else ())
    elif path[depth] == entry[0].value and _is_nothing(entry[1]) and not map_node.flow_style and written.blocks:
        edited = _filled(text, map_node, entry, written)
    else:
        edited = _replaced(text, map_node, entry, written)
    return _checked(edited, wanted, path)


def take_out(text: str, path: Path) -> str:
    """Return ``text`` without the value at ``path`` and its name; with it go the lines that it alone stands on.

    Raises what ``put`` raises.
    """
    before = values_of(text)
    if not _at(before, path)[0]:
        return text
    wanted = deepcopy(before)
    _, inner = _at(wanted, path[:-1])
    del inner[path[-1]]
    map_node, _ = _deepest_map(_root(text), path)
    if not inner and len(path) > 1:
        return put(text, path[:-1], {})
    entry = _entry(map_node, path[-1])
    if entry is None:
        raise _for_people(path)
    return _checked(_without(text, map_node, entry), wanted, path)


@dataclass(frozen=True, slots=True)
class _Written:
    """A named value as it will stand in the text."""

    name: str
    value: Any
    blocks: int

    def at(self, indent: int) -> str:
        """Return it for a place ``indent`` characters into the line."""
        return _in_lines(self.name, self.value, self.blocks, indent)

    @property
    def in_braces(self) -> str:
        return f"{_scalar(self.name)}: {flow(self.value)}"


_Entry: TypeAlias = tuple[yaml.ScalarNode, yaml.Node]


def _replaced(text: str, map_node: yaml.MappingNode, entry: _Entry, written: _Written) -> str:
    """Write over a value, or over its name too where it has to move to another line."""
    key, value = entry
    in_lines = written.blocks and isinstance(written.value, dict) and not map_node.flow_style
    if key.value == written.name and not in_lines and not _is_block(value) and not _is_nothing(value):
        start, fresh = value.start_mark.index, flow(written.value)
    else:
        start = key.start_mark.index
        fresh = written.at(key.start_mark.column) if in_lines else written.in_braces
    return _spliced(text, start, _end(text, value), fresh)


def _inserted(text: str, map_node: yaml.MappingNode, written: _Written, behind: Collection[str]) -> str:
    """Write a value behind those of its map, or of some of them."""
    before = [value for key, value in map_node.value if key.value in behind] or [value for _, value in map_node.value]
    if map_node.flow_style:
        if not map_node.value:
            return _spliced(text, map_node.start_mark.index + 1, map_node.start_mark.index + 1, written.in_braces)
        end = _end(text, before[-1])
        return _spliced(text, end, end, f", {written.in_braces}")
    indent = map_node.value[0][0].start_mark.column
    end = _line_end(text, _end(text, before[-1]))
    return _spliced(text, end, end, f"\n{' ' * indent}{written.at(indent)}")


def _filled(text: str, map_node: yaml.MappingNode, entry: _Entry, written: _Written) -> str:
    """Write lines below a name that has nothing yet, behind the comments that already stand there."""
    indent = map_node.value[0][0].start_mark.column
    end = _line_end(text, entry[0].end_mark.index)
    while (comment := _COMMENT_LINE.match(text, end)) and len(comment[1]) > indent:
        end = comment.end()
    lines = written.at(indent).split("\n", 1)
    return _spliced(text, end, end, "\n" + lines[1]) if len(lines) > 1 else _replaced(text, map_node, entry, written)


def _without(text: str, map_node: yaml.MappingNode, entry: _Entry) -> str:
    """Leave out a value: its lines, if it stands on them alone, or else what joins it to its neighbours too."""
    key, value = entry
    start, end = key.start_mark.index, _end(text, value)
    if map_node.flow_style:
        comma = re.compile(r"\s*,").match(text, end)
        end = comma.end() if comma else end
    line_start, line_end = _line_start(text, start), _line_end(text, end)
    is_alone = not text[line_start:start].strip() and _ONLY_COMMENT.fullmatch(text, end, line_end)
    if is_alone:
        line_break = _LINE_BREAK.match(text, line_end)
        return _spliced(text, line_start, line_break.end() if line_break else line_end, "")
    if not map_node.flow_style:
        return _spliced(text, start, end, "")
    index = [node for node, _ in map_node.value].index(key)
    if index + 1 < len(map_node.value):
        end = map_node.value[index + 1][0].start_mark.index
    elif index:
        start = _end(text, map_node.value[index - 1][1])
    return _spliced(text, start, end, "")


def _spliced(text: str, start: int, end: int, fresh: str) -> str:
    return text[:start] + fresh + text[end:]


def _checked(edited: str, wanted: Mapping[str, Any], path: Path) -> str:
    """Return what was written, if it says what was wanted."""
    try:
        found = values_of(edited)
    except PolicyError:
        found = {}
    if found != wanted or not _same_types(found, wanted):
        raise _for_people(path)
    return edited


def _for_people(path: Path) -> PolicyError:
    return PolicyError(".".join(path), "This stands in the text in a way that only people can change. Change it there.")


def _same_types(one: Any, other: Any) -> bool:
    """Return whether both, which are equal, are so in their types too: 1 is not true, and 1.0 not 1."""
    if isinstance(one, dict):
        return all(_same_types(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(_same_types, one, other))
    return type(one) is type(other)


# --- Where things stand -----------------------------------------------------------------------------


def _root(text: str) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise _for_people(())
    return node


def _deepest_map(node: yaml.MappingNode, path: Path) -> tuple[yaml.MappingNode, int]:
    """Return the innermost map on the way to ``path`` that there is, and how many names lead to it."""
    for depth, name in enumerate(path[:-1]):
        entry = _entry(node, name)
        if entry is None or not isinstance(entry[1], yaml.MappingNode):
            return node, depth
        node = entry[1]
    return node, len(path) - 1


def _entry(node: yaml.MappingNode, name: str) -> _Entry | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _is_nothing(node: yaml.Node) -> bool:
    """Return whether nothing is written there, which YAML reads as null."""
    return isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index


def _end(text: str, node: yaml.Node) -> int:
    """Return where ``node`` ends, without white space and comments behind it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip())


def _line_start(text: str, index: int) -> int:
    before = [found.end() for found in _LINE_BREAK.finditer(text, 0, index)]
    return before[-1] if before else 0


def _line_end(text: str, index: int) -> int:
    found = _REST_OF_LINE.match(text, index)
    return found.end() if found else index


# --- What a text says ---------------------------------------------------------------------------------


def _at(values: Any, path: Path) -> tuple[bool, Any]:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False, None
        values = values[name]
    return True, values


def _set(values: dict[str, Any], path: Path, value: Any, instead_of: Collection[str]) -> str:
    """Set a value among those that were read; return the name that it replaces beside its own, or nothing."""
    for name in path[:-1]:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    replaced = "" if path[-1] in values else next((name for name in instead_of if name in values), "")
    values.pop(replaced, None)
    values[path[-1]] = value
    return replaced


def _nested(path: Path, value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


# --- Writing values -----------------------------------------------------------------------------------


def _in_lines(name: str, value: Any, blocks: int, indent: int) -> str:
    if not blocks or not isinstance(value, dict) or not value:
        return f"{_scalar(name)}: {flow(value)}"
    inner = indent + _INDENT
    lines = [_in_lines(key, item, blocks - 1, inner) for key, item in value.items()]
    return "\n".join([f"{_scalar(name)}:", *(f"{' ' * inner}{line}" for line in lines)])


def flow(value: Any) -> str:
    """Return ``value`` as it stands in braces, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(name)}: {flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


def _scalar(value: str | bool | int | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    written = repr(value)
    return written if "e" not in written or "." in written else written.replace("e", ".0e")


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.lower() in _WORDS:
        return False
    return bool(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT_TAG)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(one if one.isprintable() else _escaped(one) for one in escaped)}"'


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"
