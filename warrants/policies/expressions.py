"""The part of CEL that policies may use. Pure.

    expression = all ("||" all)*                   all = one ("&&" one)*
    one        = "!" one | "(" expression ")" | test
    test       = operand (== != < <= > >=) operand | literal "in" value | value "in" [literals]
               | value.startsWith(text) | value.endsWith(text) | value.contains(text)
    operand    = value | size(value) | literal     literal = number | "text" | 'text' | true | false

No macros, which loop; no names, functions or escapes beside these. Tenuo reads an expression at every call, and a
malformed one makes it panic, so that what is not this grammar is refused here.
"""

from __future__ import annotations

import re

from warrants.errors import PolicyError
from warrants.policies.reading import MAXIMUM_NUMBER

_MAXIMUM_BRACKETS = 10
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<method>value\.(?:startsWith|endsWith|contains)(?=\())
      | (?P<size>size\(value\))
      | (?P<word>[a-z_A-Z][a-zA-Z0-9_]*)
      | (?P<number>-?\d{1,16}(?:\.\d{1,6})?)(?![\w.])
      | (?P<text>"[^"\\]*"|'[^'\\]*')
      | (?P<sign>\|\||&&|[=!<>]=|[<>!()\[\],])
    )""",
    re.VERBOSE,
)
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def check_expression(expression: str, path: str) -> str:
    """Return ``expression`` if it is of the grammar above and asks about ``value``. Raises ``PolicyError``."""
    reader = _Reader(_tokens(expression, path), path)
    reader.expression(0)
    if reader.left or not reader.asks:
        raise reader.refusal()
    return expression


def _tokens(expression: str, path: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise PolicyError(path, f"This cannot be read from character {at + 1} on. {_KNOWN}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


_KNOWN = (
    "Known are value, size(value), numbers, texts in quotes, comparisons, in, &&, ||, !, brackets, and "
    "value.startsWith, endsWith and contains of a text."
)


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], path: str) -> None:
        self.left = tokens[::-1]
        self.path = path
        self.asks = False

    def refusal(self) -> PolicyError:
        near = f" near {self.left[-1][1]!r}" if self.left else ""
        return PolicyError(self.path, f"This is no question about value{near}. {_KNOWN}")

    def expression(self, depth: int) -> None:
        """Read tests that are joined; ``&&`` before ``||`` or not makes no difference to what is well formed."""
        self.one(depth)
        while self.takes("&&") or self.takes("||"):
            self.one(depth)

    def one(self, depth: int) -> None:
        if depth > _MAXIMUM_BRACKETS:
            raise self.refusal()
        if self.takes("!"):
            self.one(depth + 1)
        elif self.takes("("):
            self.expression(depth + 1)
            self.require(")")
        else:
            self.test()

    def test(self) -> None:
        kind, text = self.next()
        if kind == "method":
            self.asks = True
            self.require("(")
            self.literal("text")
            self.require(")")
            return
        self.operand(kind, text)
        if self.left and self.left[-1][1] in _COMPARISONS:
            self.next()
            self.operand(*self.next())
        elif self.takes("in"):
            self.membership(of_value=text == "value")
        else:
            raise self.refusal()

    def membership(self, *, of_value: bool) -> None:
        if not of_value:
            if self.next() != ("word", "value"):
                raise self.refusal()
            self.asks = True
            return
        self.require("[")
        self.literal("text", "number")
        while self.takes(","):
            self.literal("text", "number")
        self.require("]")

    def operand(self, kind: str, text: str) -> None:
        if kind == "size" or (kind, text) == ("word", "value"):
            self.asks = True
        elif kind == "number":
            self.number(text)
        elif kind != "text" and (kind, text) not in (("word", "true"), ("word", "false")):
            raise self.refusal()

    def literal(self, *kinds: str) -> None:
        kind, text = self.next()
        if kind not in kinds:
            raise self.refusal()
        if kind == "number":
            self.number(text)

    def number(self, text: str) -> None:
        if abs(float(text)) > MAXIMUM_NUMBER:
            raise PolicyError(self.path, "A number lies between -2^53 and 2^53.")

    def next(self) -> tuple[str, str]:
        if not self.left:
            raise self.refusal()
        return self.left.pop()

    def takes(self, text: str) -> bool:
        if not self.left or self.left[-1][0] not in ("sign", "word") or self.left[-1][1] != text:
            return False
        self.left.pop()
        return True

    def require(self, text: str) -> None:
        if not self.takes(text):
            raise self.refusal()
