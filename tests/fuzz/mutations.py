"""Bytes and JSON that are almost right: good ones, damaged in the ways that decoders get wrong.

Everything is drawn from a ``random.Random``, so that a number stands for an input. (Hypothesis would make them smaller,
but tries a hundredth as many in the same time.)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import cbor2

Maker = Callable[[Random], Any]

# Heads of CBOR items and edges of UTF-8; what JSON, YAML, queries and base64 are made of.
_HEADS = bytes.fromhex(
    "00011718191a1b1c1f2038393a3b3f405758595b5f6077787b7f8097989b9fa0b7b8bbbfc0c2d8dbe0f4f5f6f7f8f9fafbfcff"
)
_CHARACTERS = b"\"'{}[]:,=+/-.0eE&%#|>!*~\\\n\t\x00\x7f\xc0\xed"
_EDITS = ("flip", "set", "insert", "delete", "repeat", "cut", "splice")


def _deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


_HOSTILE: list[Any] = [
    None, True, False, [], {}, [[]], {"": None}, _deep(40), _deep(900), list(range(300)),
    "", " ", "\x00", "\x1b[31m", "\x85", "\u202e\u2066", "\ufeff", "p\u0430y", "\ud800", "<script>",
    "{{ 7 }}", "é" * 400, "x" * 5000, "١", "1_000", "not base64!", "AAA", "AB==", "AAAA\n", "NaN",
    "true", "../../x", "approve", "deny", "strong",
    0, -1, 1, 2, 23, 24, 255, 256, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, -(2**63), 0.0, -0.0, 1.0, 0.5, 1e300,
    2**63, 2**64 - 1, 2**64, -(2**64), 10**400, float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
_HOSTILE_BYTES = [b"", bytes(16), bytes(31), bytes(32), bytes(33), bytes(64), b"\xff" * 32, b"\xa0", b"\x9f"]


def damaged(good: Sequence[bytes], *, alphabet: bytes = _HEADS) -> Maker:
    """One of ``good`` with one to four edits of its bytes; now and then, any bytes."""

    def make(chance: Random) -> bytes:
        if chance.random() < 0.03:
            return chance.randbytes(chance.randrange(200))
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 4)):
            _edit(chance, data, good, alphabet)
        return bytes(data)

    return make


def damaged_text(good: Sequence[bytes]) -> Maker:
    """``damaged``, with the characters that texts are made of."""
    return damaged(good, alphabet=_CHARACTERS)


def _edit(chance: Random, data: bytearray, good: Sequence[bytes], alphabet: bytes) -> None:
    at, length = chance.randrange(len(data) + 1), chance.randint(1, 40)
    edit = chance.choice(_EDITS)
    if edit == "flip" and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif edit == "set" and at < len(data):
        data[at] = chance.choice(alphabet)
    elif edit == "insert":
        data.insert(at, chance.choice(alphabet))
    elif edit == "delete":
        del data[at : at + length]
    elif edit == "repeat":
        data[at:at] = data[at : at + length]
    elif edit == "cut" and chance.random() < 0.3:
        del data[at:]
    elif edit == "splice" and chance.random() < 0.3:
        other = chance.choice(good)
        data[at:] = other[chance.randrange(len(other) + 1) :]


def replaced(good: Any, *, with_bytes: bool = False) -> Maker:
    """``good`` (maps, lists, scalars) with one or two of its parts replaced, left out, doubled or added."""

    def make(chance: Random) -> Any:
        value = good
        for _ in range(chance.choice((1, 1, 1, 2))):
            value = _replace(chance, value, with_bytes)
        return value

    return make


def _hostile(chance: Random, with_bytes: bool) -> Any:
    if with_bytes and chance.random() < 0.2:
        return chance.choice(_HOSTILE_BYTES)
    value = chance.choice(_HOSTILE)
    return [value] if chance.random() < 0.05 else value


def _replace(chance: Random, value: Any, with_bytes: bool) -> Any:
    if not (isinstance(value, (dict, list)) and value) or chance.random() < 0.05:
        return _hostile(chance, with_bytes)
    edit = chance.choice(("inside", "inside", "inside", "drop", "add"))
    if isinstance(value, list):
        at = chance.randrange(len(value))
        middle = {"drop": [], "add": [value[at]] * chance.choice((2, 80))}.get(edit)
        return [
            *value[:at],
            *([_replace(chance, value[at], with_bytes)] if middle is None else middle),
            *value[at + 1 :],
        ]
    name = chance.choice(list(value))
    if edit == "drop":
        return {key: item for key, item in value.items() if key != name}
    if edit == "add":
        return {**value, chance.choice(("", "x", "version", "é")): _hostile(chance, with_bytes)}
    return {**value, name: _replace(chance, value[name], with_bytes)}


def rewritten(good: Sequence[bytes]) -> Maker:
    """One of ``good``, read as CBOR (also where bytes hold more of it), with one part replaced, and written again."""
    return lambda chance: _rewrite(chance, chance.choice(good))


def _rewrite(chance: Random, data: bytes) -> bytes:
    value = cbor2.loads(data)
    inner = [key for key, item in value.items() if _is_a_map(item)] if isinstance(value, dict) else []
    if inner and chance.random() < 0.5:
        key = chance.choice(inner)
        return cbor2.dumps({**value, key: _rewrite(chance, value[key])})
    try:
        return cbor2.dumps(_replace(chance, value, True))
    except (ValueError, UnicodeEncodeError, OverflowError):
        return data + b"\x00"


def _is_a_map(item: Any) -> bool:
    # The first byte of a map: A0 to BB.
    return isinstance(item, bytes) and len(item) > 40 and 0xA0 <= item[0] <= 0xBB


def either(*makers: Maker) -> Maker:
    return lambda chance: chance.choice(makers)(chance)


def bytes_like(good: Sequence[bytes]) -> Maker:
    """Damaged or rewritten CBOR."""
    return either(damaged(good), rewritten(good))


def json_like(good: Any) -> Maker:
    """JSON of ``good`` with parts replaced; or damaged text, in which keys may come twice."""
    written = replaced(good)
    return either(lambda chance: _json(written(chance)), damaged_text([_json(good)]))


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
