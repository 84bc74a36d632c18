"""Tenuo's constraints ([type, rule]) in words. Pure. The browser's twin is ``static/js/lib/constraints.js``.

What they name comes from whoever wrote the warrant: whoever shows the words makes hidden characters visible.
"""

from __future__ import annotations

import json
import re
from typing import Any

EXACT, PATTERN, RANGE, ONE_OF, REGEX, NOT_ONE_OF, CIDR, URL_PATTERN, CONTAINS, SUBSET = 1, 2, 3, 4, 5, 7, 8, 9, 10, 11
ALL, ANY_OF, NOT, CEL, WILDCARD, SUBPATH, URL_SAFE, SHLEX = 12, 13, 14, 15, 16, 17, 18, 128
_DEEPEST = 8
_WHOLE = re.compile(r"\\A\(\?:(.*)\)\\z", re.DOTALL)
_BLOCKS = ("block_private", "block_loopback", "block_metadata", "block_reserved")
_URL_PARTS = (("with", "schemes"), ("on", "allow_domains"), ("but not on", "deny_domains"), ("at port", "allow_ports"))


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
    return found() if found else f"a rule of type {kind!r}, which is not known here"


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
