"""Canonical CBOR is read quickly where that is safe; what is refused, and in which words, does not depend on it."""

from __future__ import annotations

from random import Random
from typing import Any

import cbor2
import pytest

from audit.statements import cbor
from tests.fuzz.mutations import bytes_like

_GENUINE = [
    cbor.encode(value)
    for value in (
        {"a": [0, 23, 24, 2**63 - 1, -1, -(2**63)], "aa": {"": b"bytes", "é": "text"}, "b": None},
        {"deep": [[[[None, True, False, {"x": {"y": [1]}}]]]], "empty": [{}, [], "", b""]},
        [1.5, 5e-324, 1e10, {"half": 65504.0}],
        "text",
        7,
    )
]


def _carefully(data: bytes) -> Any:
    """Read ``data`` as it is read without haste."""
    value = cbor.decode_loosely(data)
    if cbor.encode(value) != data:
        raise cbor.MalformedBytes("The bytes are CBOR, but not in canonical form.")
    return value


def _outcome(read: Any, data: bytes) -> str:
    try:
        return repr(read(data))
    except cbor.MalformedBytes as error:
        return f"refused: {error}"


def test_damaged_bytes_are_read_as_without_haste() -> None:
    make = bytes_like(_GENUINE)
    accepted = 0
    for number in range(4000):
        data = make(Random(number))
        found = _outcome(cbor.decode, data)
        assert found == _outcome(_carefully, data), data.hex()
        accepted += not found.startswith("refused")
    assert accepted > 100


def _nested(levels: int, innermost: str) -> str:
    return "81" * levels + innermost


@pytest.mark.parametrize(
    "written",
    [
        "1800",  # a long 0
        "1bffffffffffffffff",  # beyond 64 bits signed
        "a161611b8000000000000000",
        "3b8000000000000000",
        "c249010000000000000000",  # a large number
        "c074323032362d31312d32365430383a30303a30305a",  # a time
        "d9010281 01".replace(" ", ""),  # a set
        "d81c8101",  # a shared value
        "f7",  # undefined
        "e0",  # a simple value
        "fb3ff8000000000000",  # 1.5, longer than it need be
        "81fb3ff8000000000000",
        "f97e00",  # not a number
        "a2616101616102",  # one key twice
        "a2616201616102",  # keys out of order
        "a1616181a2616201616102",
        "a2626161016162 02".replace(" ", ""),  # in order as written: "aa" before "b"
        "a2616201626161 02".replace(" ", ""),  # in the order of Tenuo's warrants, shortest first
        "a10102",  # a key that is not text
        "a1416102",
        "9f01ff",  # without a length
        "7f6161ff",
        _nested(31, "80"),
        _nested(32, "80"),
        _nested(32, "01"),
        _nested(33, "80"),
        _nested(31, "a1616101"),
        _nested(32, "a1616101"),
    ],
)
def test_every_rule_holds_as_without_haste(written: str) -> None:
    data = bytes.fromhex(written)
    assert _outcome(cbor.decode, data) == _outcome(_carefully, data)


def test_what_is_plain_is_read_in_haste() -> None:
    for data in _GENUINE[:2]:
        assert cbor._is_surely_canonical(data, cbor2.loads(data))
