"""A call's arguments as people read them. Texts are returned as they are: templates make them safe."""

from __future__ import annotations

import json
from typing import Any

from audit.statements import cbor

MAXIMUM_TARGET = 120
# The arguments that most often name what a call acts on, best first.
_TARGET_NAMES = ("service", "target", "resource", "database", "cluster", "host", "channel", "name", "user")


def as_text(value: Any) -> str:
    """Return ``value`` so that types stay apart: ``1``, ``1.0``, ``"1"`` and ``true`` all look different."""
    if isinstance(value, bytes):
        return f"bytes {value.hex()}"
    return json.dumps(value, ensure_ascii=False, default=as_text)


def as_lines(arguments_cbor: bytes) -> list[tuple[str, str]]:
    """Return (name, text) of each argument, or nothing if the bytes cannot be read."""
    try:
        arguments = cbor.decode(arguments_cbor)
    except cbor.MalformedBytes:
        return []
    if not isinstance(arguments, dict):
        return []
    return [(name, as_text(value)) for name, value in arguments.items()]


def target(arguments: dict[str, Any]) -> str:
    """Return the text argument that says what the call acts on, or nothing."""
    texts = {name: value for name, value in arguments.items() if isinstance(value, str)}
    for name in _TARGET_NAMES:
        if texts.get(name):
            return texts[name][:MAXIMUM_TARGET]
    return next(iter(texts.values()), "")[:MAXIMUM_TARGET]
