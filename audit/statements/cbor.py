"""Canonical CBOR, the one byte form of everything Countersign signs.

The rules are Tenuo's for call arguments (RFC 8949 section 4.2.1 with one difference:
map keys are text and sorted by their raw UTF-8 bytes, whatever their length):
definite lengths, shortest integers, shortest lossless floats, no NaN, no infinities.
The browser's twin is ``static/js/lib/cbor.js``; both pass ``tests/vectors``.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Collection
from typing import Any

import cbor2

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 32
_INT64 = range(-(2**63), 2**63)
_SCALARS, _CONTAINERS = frozenset({type(None), bool, int, str, bytes}), frozenset({dict, list})


class MalformedBytes(ValueError):
    """Bytes that are not one canonical CBOR item; the message is a sentence for people."""


def encode(value: Any) -> bytes:
    """Return the canonical bytes of ``value``.

    Takes None, bool, int (64-bit signed), float (finite), str, bytes, list, tuple and
    dict with text keys. Raises ``MalformedBytes`` for anything else.
    """
    parts: list[bytes] = []
    _encode(value, parts, 0)
    return b"".join(parts)


def decode(data: bytes) -> Any:
    """Return the value of ``data``, which must be exactly one canonical item.

    Raises ``MalformedBytes`` for trailing bytes, duplicate or unsorted keys, indefinite
    lengths, integers or floats that are longer than they need be, tags, more than
    ``MAXIMUM_DEPTH`` levels or ``MAXIMUM_BYTES`` bytes.
    """
    value = decode_loosely(data)
    if not _is_surely_canonical(data, value) and encode(value) != bytes(data):
        raise MalformedBytes("The bytes are CBOR, but not in canonical form.")
    return value


def decode_loosely(data: bytes) -> Any:
    """Return the value of one CBOR item whose form is not ours to choose (a warrant, a payload)."""
    if len(data) > MAXIMUM_BYTES:
        raise MalformedBytes(f"The bytes are longer than {MAXIMUM_BYTES} bytes.")
    stream = io.BytesIO(data)
    try:
        value = cbor2.load(stream)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, TypeError, MemoryError) as error:
        raise MalformedBytes("The bytes are not valid CBOR.") from error
    if stream.tell() != len(data):
        raise MalformedBytes("There are bytes after the end of the CBOR item.")
    return value


def _is_surely_canonical(data: bytes, value: Any) -> bool:
    """Return whether ``data`` is the canonical form of ``value``, or False where only ``encode`` can tell.

    The library, in C, writes plain parts in one form only, and maps in the order in which it read them. It has
    several forms for a float, so whatever contains one is left to ``encode``.
    """
    return _has_plain_parts(value, 0) and cbor2.dumps(value) == data


def _has_plain_parts(value: Any, depth: int) -> bool:
    if depth == MAXIMUM_DEPTH:
        return False
    parts: Collection[Any] = (value,)
    if type(value) is list:
        parts = value
    elif type(value) is dict:
        keys, parts = list(value), value.values()
        # Python orders texts by code points, which is the order of their UTF-8 bytes.
        if set(map(type, keys)) - {str} or keys != sorted(keys):
            return False
    kinds = set(map(type, parts))
    if int in kinds and not all(item in _INT64 for item in parts if type(item) is int):
        return False
    if kinds <= _SCALARS:
        return True
    if not kinds <= _SCALARS | _CONTAINERS:
        return False
    return all(_has_plain_parts(item, depth + 1) for item in parts if type(item) in _CONTAINERS)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for additional, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if number < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | additional]) + struct.pack(form, number)
    raise MalformedBytes("An integer does not fit in 64 bits.")


def _float(value: float) -> bytes:
    if not math.isfinite(value):
        raise MalformedBytes("A number is not finite.")
    for marker, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, packed)[0] == value:
            return marker + packed
    return b"\xfb" + struct.pack(">d", value)


def _encode(value: Any, parts: list[bytes], depth: int) -> None:
    if depth > MAXIMUM_DEPTH:
        raise MalformedBytes(f"The value is nested deeper than {MAXIMUM_DEPTH} levels.")
    if value is None:
        parts.append(b"\xf6")
    elif isinstance(value, bool):
        parts.append(b"\xf5" if value else b"\xf4")
    elif isinstance(value, int):
        if value not in _INT64:
            raise MalformedBytes("An integer does not fit in 64 bits.")
        parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
    elif isinstance(value, float):
        parts.append(_float(value))
    elif isinstance(value, str):
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise MalformedBytes("A text is not valid Unicode.") from error
        parts.extend((_head(3, len(text)), text))
    elif isinstance(value, bytes):
        parts.extend((_head(2, len(value)), value))
    elif isinstance(value, (list, tuple)):
        parts.append(_head(4, len(value)))
        for item in value:
            _encode(item, parts, depth + 1)
    elif isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise MalformedBytes("A map has a key that is not text.")
        parts.append(_head(5, len(value)))
        for key in sorted(value, key=lambda key: key.encode(errors="surrogatepass")):
            _encode(key, parts, depth + 1)
            _encode(value[key], parts, depth + 1)
    else:
        raise MalformedBytes(f"A value of type {type(value).__name__} has no canonical form.")
