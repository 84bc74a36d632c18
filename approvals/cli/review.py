"""Checking a request before signing: everything is recomputed from the bytes that would be signed.

The browser's twin is ``static/js/lib/review.js``. Nothing the server says is believed: the chain must
lead to a root that was pinned at enrolment, and hash, gate and approvers are read from the warrant.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import tenuo_core

from approvals.signing.binding import Binding
from audit.statements import cbor
from audit.statements.delegation import weakening

# As in the browser: no policy lets a signature live longer.
LONGEST_LIFETIME_SECONDS = 24 * 60 * 60


class Refused(Exception):
    """This request must not be signed; ``field`` names what differs, the message says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Review:
    """A request that holds together. ``expires_at`` is the earlier of the request's and the warrant's end."""

    binding: Binding
    tool: str
    arguments: dict[str, Any]
    request_hash: bytes
    external_id: str
    expires_at: int
    signature_lifetime_seconds: int
    decision_url: str


def review(signing: Mapping[str, Any], *, pinned_roots: list[bytes], own_key: bytes) -> Review:
    """Return what would be signed. ``signing`` is the page's JSON of that name, keys are 32 raw bytes.

    Raises ``Refused`` at the first difference.
    """
    chain = _chain(signing)
    leaf = chain[-1]
    _require_own_key(leaf, own_key)
    expires_at = _expires_at(signing, leaf)
    _require_pinned_root(chain, pinned_roots)
    arguments_cbor = _base64("arguments_cbor", _text(signing, "arguments_cbor"))
    tool = _text(signing, "tool")
    arguments = _arguments(arguments_cbor)
    request_hash = _request_hash(leaf, tool, arguments_cbor)
    if request_hash.hex() != _text(signing, "request_hash"):
        raise Refused("request_hash", "The hash on the page is not that of this call under this warrant.")
    _require_gate(leaf, tool, arguments)
    return Review(
        binding=Binding(
            **{name: _text(signing, name) for name in ("request_id", "namespace", "workflow_id", "run_id")}
        ),
        tool=tool,
        arguments=arguments,
        request_hash=request_hash,
        external_id=_text(signing, "external_id"),
        expires_at=expires_at,
        signature_lifetime_seconds=_lifetime(signing),
        decision_url=_text(signing, "decision_url"),
    )


def _chain(signing: Mapping[str, Any]) -> list[tenuo_core.Warrant]:
    encoded = signing.get("warrant_chain")
    if not isinstance(encoded, list) or not encoded or not all(isinstance(item, str) for item in encoded):
        raise Refused("warrant_chain", "The page shows no warrant.")
    data = [_base64("warrant_chain", item) for item in encoded]
    try:
        chain = [tenuo_core.Warrant.from_bytes(item) for item in data]
    except Exception as error:  # Tenuo raises many types; each of them means that this is no warrant.
        raise Refused("warrant_chain", f"A warrant cannot be read. {error}") from error
    if [bytes(warrant.to_bytes()) for warrant in chain] != data:
        raise Refused("warrant_chain", "A warrant is not in canonical form.")
    return chain


def _require_pinned_root(chain: list[tenuo_core.Warrant], pinned_roots: list[bytes]) -> None:
    roots = [tenuo_core.PublicKey.from_bytes(root) for root in pinned_roots]
    try:
        tenuo_core.Authorizer(trusted_roots=roots).verify_chain(chain)
    except Exception as error:  # As above: each of them means that the chain does not hold.
        raise Refused("warrant_chain", f"The warrant does not lead to a pinned root. {error}") from error
    weakened = weakening(chain)
    if weakened:
        raise Refused("warrant_chain", weakened)


def _arguments(data: bytes) -> dict[str, Any]:
    try:
        value = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise Refused("arguments_cbor", f"The arguments cannot be read. {error}") from error
    if not isinstance(value, dict):
        raise Refused("arguments_cbor", "The arguments are not a map.")
    return value


def _request_hash(leaf: tenuo_core.Warrant, tool: str, arguments_cbor: bytes) -> bytes:
    """Return SHA-256 of the canonical CBOR of [warrant id, tool, arguments, holder]."""
    holder = bytes(leaf.authorized_holder.to_bytes())
    return hashlib.sha256(cbor.encode([leaf.id, tool, arguments_cbor, holder])).digest()


def _require_gate(leaf: tenuo_core.Warrant, tool: str, arguments: dict[str, Any]) -> None:
    requirement = leaf.approval_requirement(tool, arguments)
    if not requirement.requires_approval():
        raise Refused("tool", f"The warrant does not ask a person about this call of {tool} ({requirement.status}).")


def _require_own_key(leaf: tenuo_core.Warrant, own_key: bytes) -> None:
    if own_key not in {bytes(key.to_bytes()) for key in leaf.required_approvers() or ()}:
        raise Refused("approvers", "This key is not among the warrant's approvers.")


def _expires_at(signing: Mapping[str, Any], leaf: tenuo_core.Warrant) -> int:
    warrant_ends = int(datetime.fromisoformat(leaf.expires_at()).timestamp())
    expires_at = min(_uint(signing, "expires_at"), warrant_ends)
    if expires_at <= time.time():
        raise Refused("expires_at", "The request has expired.")
    return expires_at


def _lifetime(signing: Mapping[str, Any]) -> int:
    lifetime = _uint(signing, "signature_lifetime_seconds")
    if not 1 <= lifetime <= LONGEST_LIFETIME_SECONDS:
        raise Refused(
            "signature_lifetime_seconds",
            f"A signature lives from a second to a day, not {lifetime} seconds.",
        )
    return lifetime


def _text(signing: Mapping[str, Any], field: str) -> str:
    value = signing.get(field)
    if not isinstance(value, str) or not value:
        raise Refused(field, f"The page does not say {field}.")
    return value


def _uint(signing: Mapping[str, Any], field: str) -> int:
    value = signing.get(field)
    if type(value) is not int or value < 0:
        raise Refused(field, f"{field} on the page is not a whole number.")
    return value


def _base64(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(field, f"{field} on the page is not base64.") from error
