"""Bytes that are no canonical arguments, and the request hashes of those that are."""

from __future__ import annotations

import json

from audit.statements import cbor
from tests.vectors.parts import HERE, Vector

BAD_BYTES = {
    "unsorted-keys": ("the keys are not sorted", "a2616201616102"),
    "length-first-order": ("the keys are sorted by length first", "a2616201626161" + "02"),
    "duplicate-key": ("a key stands twice", "a2616101616102"),
    "trailing-byte": ("a byte follows the map", "a000"),
    "truncated": ("the bytes end early", "a16161"),
    "empty": ("there are no bytes", ""),
    "indefinite-map": ("the map has no length", "bf616101ff"),
    "indefinite-list": ("a list has no length", "a161619f01ff"),
    "indefinite-text": ("a text has no length", "a161617f6178ff"),
    "long-integer": ("an integer is longer than it needs to be", "a161611801"),
    "long-length": ("a length is longer than it needs to be", "a1616178017a"),
    "long-float": ("a float is longer than it needs to be", "a16161fa3f800000"),
    "nan": ("a number is not a number", "a16161f97e00"),
    "infinity": ("a number is infinite", "a16161f97c00"),
    "integer-too-large": ("an integer does not fit in 64 bits with a sign", "a161611b8000000000000000"),
    "integer-too-small": ("an integer does not fit in 64 bits with a sign", "a161613b8000000000000000"),
    "bignum": ("an integer is a tagged bignum", "a16161c249010000000000000000"),
    "tag": ("a value is tagged", "a16161c001"),
    "undefined": ("a value is undefined", "a16161f7"),
    "simple-value": ("a value is an unassigned simple value", "a16161e0"),
    "reserved-length": ("a length has a reserved form", "a161611c"),
    "integer-key": ("a key is an integer", "a10102"),
    "invalid-utf8": ("a text is not UTF-8", "a1616161ff"),
    "surrogate": ("a text has a lone surrogate", "a1616163eda080"),
    "too-deep": ("lists are nested 33 deep", "a16161" + "81" * 32 + "01"),
    "endless-list": ("a list claims more items than there are bytes", "a161619bffffffffffffffff"),
}


def bad_arguments() -> dict[str, Vector]:
    return {
        f"arguments-{name}": {"kind": "arguments", "fault": fault, "field": "arguments_cbor", "bytes": data}
        for name, (fault, data) in BAD_BYTES.items()
    }


REQUEST_HASHES = json.loads((HERE / "request_hash.json").read_text())


def is_canonical(data: bytes) -> bool:
    try:
        cbor.decode(data)
    except cbor.MalformedBytes:
        return False
    return True


def good_request_hashes() -> list[Vector]:
    return [vector for vector in REQUEST_HASHES if is_canonical(bytes.fromhex(vector["args_cbor"]))]


def bad_request_hashes() -> dict[str, Vector]:
    return {
        f"arguments-hashed-{vector['name'].replace(' ', '-')}": {
            "kind": "arguments",
            "fault": f"Tenuo hashes {vector['args_repr']}; nobody may sign it",
            "field": "arguments_cbor",
            "bytes": vector["args_cbor"],
        }
        for vector in REQUEST_HASHES
        if not is_canonical(bytes.fromhex(vector["args_cbor"]))
    }
