"""What the server says of a request, read but not believed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.cli.chain import Problem
from approvals.signing.binding import MAXIMUM_POLICY_VERSION, Binding

_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{2})*")
_PLACE = ("request_id", "namespace", "workflow_id", "run_id")
# As in the browser: whole numbers that JSON carries without loss.
_LARGEST_NUMBER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Claim:
    """``request_hash`` is lower-case hexadecimal; times are UTC seconds since 1970, ``lifetime`` is in seconds."""

    binding: Binding
    tool: str
    request_hash: str
    arguments_cbor: bytes
    display: bytes
    warrant_chain: list[bytes]
    external_id: str
    expires_at: int
    lifetime: int


class _Malformed(Exception):
    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(field, sentence)


def read_claim(signing: Any) -> Claim | Problem:
    """Return what ``signing`` claims, or the first field of it that cannot be read."""
    if not isinstance(signing, Mapping):
        return Problem("signing", "signing is not an object.")
    try:
        return Claim(
            binding=Binding(
                **{name: _text(signing, name) for name in _PLACE},
                display_digest=bytes.fromhex(_hexadecimal(signing, "display_digest")),
                policy_version=_text(signing, "policy_version", MAXIMUM_POLICY_VERSION, may_be_empty=True),
            ),
            tool=_text(signing, "tool"),
            request_hash=_hexadecimal(signing, "request_hash"),
            arguments_cbor=_base64("arguments_cbor", signing.get("arguments_cbor")),
            display=_base64("display", signing.get("display")),
            warrant_chain=[_base64("warrant_chain", item) for item in _list(signing, "warrant_chain")],
            external_id=_text(signing, "external_id", 320),
            expires_at=_seconds(signing, "expires_at"),
            lifetime=_seconds(signing, "signature_lifetime_seconds"),
        )
    except _Malformed as malformed:
        return malformed.problem


def _text(signing: Mapping[str, Any], field: str, maximum: int = 1000, *, may_be_empty: bool = False) -> str:
    value = signing.get(field)
    if not isinstance(value, str) or len(value) > maximum or not _is_unicode(value):
        raise _Malformed(field, f"{field} is not valid text of at most {maximum} characters.")
    if not value and not may_be_empty:
        raise _Malformed(field, f"{field} is empty.")
    return value


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _hexadecimal(signing: Mapping[str, Any], field: str) -> str:
    value = _text(signing, field)
    if not _HEXADECIMAL.fullmatch(value):
        raise _Malformed(field, f"{field} is not lower-case hexadecimal.")
    return value


def _list(signing: Mapping[str, Any], field: str) -> list[Any]:
    value = signing.get(field)
    if not isinstance(value, list):
        raise _Malformed(field, f"{field} is not a list.")
    return value


def _seconds(signing: Mapping[str, Any], field: str) -> int:
    value = signing.get(field)
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise _Malformed(field, f"{field} is not a whole number of seconds.")
    return value


def _base64(field: str, text: Any) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _Malformed(field, f"{field} is not base64.")
