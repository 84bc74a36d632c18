"""What a new key signs to be enrolled. Reading and judging it, with no database.

    context   = "countersign-enrolment-v1"                  (see ``audit.statements``)
    statement = canonical CBOR {"challenge": bytes 32, "issuer", "origin", "public_key": bytes 32,
                "strength": "ordinary" | "strong", "subject", "version": 1}, signed by ``public_key`` itself

``strength`` is what the key says of itself: the program that made it knows how it keeps it, and no server can tell.

The browser's twin is ``static/js/lib/enrolment.js``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from accounts.errors import MalformedInput, NotProven
from accounts.keys.contracts import KeyStrength
from audit.statements.statements import Context, Envelope, MalformedStatement, require_bytes, require_text
from audit.statements.statements import parse as parse_envelope

CHALLENGE_BYTES = 32
_MAXIMUM_BASE64 = 8192
_FIELDS = {"version", "challenge", "issuer", "subject", "public_key", "origin", "strength"}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A key's statement that it belongs to ``issuer``'s ``subject``, made in a page of ``origin``."""

    challenge: bytes
    issuer: str
    subject: str
    public_key: bytes
    origin: str
    strength: KeyStrength
    envelope: Envelope

    def verify(self) -> None:
        """Raise ``NotProven`` unless the key itself signed this, for this purpose."""
        if self.envelope.signer_key != self.public_key:
            raise NotProven(
                "The statement was signed by another key than the one it enrols. Nothing was enrolled: begin again.",
                field="signer_key",
            )
        try:
            self.envelope.verify(Context.ENROLMENT)
        except MalformedStatement as error:
            raise NotProven(f"{error} Nothing was enrolled: begin again.", field=error.field) from error


def parse(data: bytes) -> Enrolment:
    """Return the enrolment in ``data``; checks its form only. Raises ``MalformedInput`` naming the field."""
    try:
        envelope = parse_envelope(data)
        if set(envelope.facts) != _FIELDS:
            raise MalformedStatement("statement", "The enrolment does not have the fields it must have.")
        return Enrolment(
            challenge=require_bytes("challenge", envelope.facts["challenge"], CHALLENGE_BYTES),
            issuer=require_text("issuer", envelope.facts["issuer"], 300),
            subject=require_text("subject", envelope.facts["subject"], 300),
            public_key=require_bytes("public_key", envelope.facts["public_key"], 32),
            origin=require_text("origin", envelope.facts["origin"], 300),
            strength=_strength(envelope.facts["strength"]),
            envelope=envelope,
        )
    except MalformedStatement as error:
        raise MalformedInput(f"{error} Nothing was enrolled: begin again.", field=error.field) from error


def _strength(value: object) -> KeyStrength:
    try:
        return KeyStrength(require_text("strength", value, 16))
    except ValueError as error:
        raise MalformedStatement("strength", "The key's strength is neither ordinary nor strong.") from error


def decode_base64(text: str) -> bytes:
    """Return the bytes of an envelope as it is posted. Raises ``MalformedInput``."""
    if not text or len(text) > _MAXIMUM_BASE64:
        raise MalformedInput("The signed enrolment is missing or far too long. Begin again.", field="envelope")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedInput("The signed enrolment is not base64. Begin again.", field="envelope") from error
