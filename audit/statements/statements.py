"""Signed statements: what people and the service sign, apart from Tenuo's own objects.

    message   = context || 00 || statement          pure Ed25519 (RFC 8032), no prehash
    statement = canonical CBOR map, "version": 1
    envelope  = canonical CBOR map {"signature": bytes 64, "signer_key": bytes 32, "statement": bytes}

Each kind of statement has a context of its own, so that none can be taken for another. No
context begins with ``tenuo-warrant-v1``: nothing signed here is an approval to Tenuo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.statements import cbor

# What JavaScript can count with.
LARGEST_NUMBER = 2**53 - 1
_BLANK = re.compile(r"[\s\ufeff]*")


class Context(StrEnum):
    """The domain of a signature. A value is never reused for another meaning."""

    CHECKPOINT = "countersign-checkpoint-v1"
    DENIAL = "countersign-denial-v1"
    ENDORSEMENT = "countersign-endorsement-v1"
    ENROLMENT = "countersign-enrolment-v1"
    ENTRY = "countersign-entry-v1"
    KEY_ENDORSEMENT = "countersign-key-endorsement-v1"
    KEY_REVOCATIONS = "countersign-key-revocations-v1"
    POLICY_PUBLICATION = "countersign-policy-publication-v1"
    RETRACTION = "countersign-retraction-v1"
    TRUSTED_ROOTS = "countersign-trusted-roots-v1"


class Signer(Protocol):
    """Whatever signs with one Ed25519 key: a private key in memory, or one that stays in a token or a KMS."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the 64-byte signature over ``data``."""

    def public_key(self) -> Ed25519PublicKey: ...


class MalformedStatement(ValueError):
    """A statement that cannot be read or does not verify.

    ``field`` names what is wrong; the message is a sentence for people.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Envelope:
    """A statement with its signature. ``facts`` is what the statement says."""

    statement: bytes
    signer_key: bytes
    signature: bytes
    facts: dict[str, Any]

    def to_bytes(self) -> bytes:
        return cbor.encode({"statement": self.statement, "signer_key": self.signer_key, "signature": self.signature})

    def verify(self, context: Context) -> None:
        """Raise ``MalformedStatement`` unless ``signer_key`` signed this statement in ``context``."""
        verify_signature(self.signer_key, self.signature, message(context, self.statement))


def message(context: Context, statement: bytes) -> bytes:
    """Return the bytes that are signed."""
    return context.encode() + b"\x00" + statement


def sign(context: Context, facts: dict[str, Any], signer: Signer) -> Envelope:
    """Return ``facts`` (without "version", which is added) signed by ``signer``. Raises what its ``sign`` raises."""
    facts = {"version": 1, **facts}
    statement = cbor.encode(facts)
    return Envelope(
        statement=statement,
        signer_key=signer.public_key().public_bytes_raw(),
        signature=signer.sign(message(context, statement)),
        facts=facts,
    )


def parse(data: bytes) -> Envelope:
    """Return the envelope in ``data``. Checks its form only; call ``verify`` for the signature."""
    try:
        envelope = cbor.decode(data)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("envelope", f"The signed statement cannot be read. {error}") from error
    if not isinstance(envelope, dict) or set(envelope) != {"statement", "signer_key", "signature"}:
        raise MalformedStatement("envelope", "The signed statement does not have the three parts it must have.")
    statement, signer_key, signature = envelope["statement"], envelope["signer_key"], envelope["signature"]
    if not isinstance(statement, bytes):
        raise MalformedStatement("statement", "The statement is not bytes.")
    require_bytes("signer_key", signer_key, 32)
    require_bytes("signature", signature, 64)
    try:
        facts = cbor.decode(statement)
    except cbor.MalformedBytes as error:
        raise MalformedStatement("statement", f"The statement cannot be read. {error}") from error
    if not isinstance(facts, dict) or type(facts.get("version")) is not int or facts["version"] != 1:
        raise MalformedStatement("version", "The statement is of a version that is not known here.")
    return Envelope(statement, signer_key, signature, facts)


def verify_signature(public_key: bytes, signature: bytes, signed: bytes) -> None:
    """Raise ``MalformedStatement`` unless ``signature`` is ``public_key``'s over ``signed``."""
    try:
        _public_key(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError) as error:
        raise MalformedStatement("signature", "The signature does not belong to this statement and key.") from error


# A few keys sign nearly everything that is ever read.
@lru_cache(maxsize=256)
def _public_key(data: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(data)


def require_bytes(field: str, value: Any, length: int) -> bytes:
    """Return ``value`` if it is ``length`` bytes, else raise ``MalformedStatement``."""
    if not isinstance(value, bytes) or len(value) != length:
        raise MalformedStatement(field, f"{field} is not {length} bytes.")
    return value


def require_text(field: str, value: Any, maximum: int) -> str:
    """Return ``value`` if it is text of at most ``maximum`` characters, else raise ``MalformedStatement``."""
    if not isinstance(value, str) or len(value) > maximum:
        raise MalformedStatement(field, f"{field} is not a text of at most {maximum} characters.")
    return value


def require_uint(field: str, value: Any) -> int:
    """Return ``value`` if it is an integer from 0 to 2^53 - 1, else raise ``MalformedStatement``."""
    if type(value) is not int or not 0 <= value <= LARGEST_NUMBER:
        raise MalformedStatement(field, f"{field} is not a non-negative whole number.")
    return value


def is_blank(text: str) -> bool:
    """Whether ``text`` says nothing, as the browser's twin sees it too (``isBlank`` in ``static/js/lib/shape.js``)."""
    return _BLANK.fullmatch(text) is not None
