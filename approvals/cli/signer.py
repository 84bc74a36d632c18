"""What an approver's key signs, whoever keeps it. Each signature is read back before it is returned."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any

from approvals.cli.failures import KeyRefused
from approvals.cli.keepers.contracts import Keeper
from approvals.cli.keepers.memory import MemoryKeeper
from approvals.cli.review import Review
from approvals.signing import approval, denial, retraction
from approvals.signing.binding import Binding
from audit.statements import cbor
from audit.statements.statements import Context, Envelope, MalformedStatement, message


class Signer:
    """Signs with the key of ``keeper``; without one, with a key of its own that ends with this process."""

    def __init__(self, keeper: Keeper | None = None) -> None:
        self._keeper = keeper or MemoryKeeper()

    @property
    def public_key(self) -> bytes:
        return self._keeper.public_key

    def enrolment(self, challenge: Mapping[str, str]) -> bytes:
        """Return the envelope that proves possession, for what ``POST /keys/challenge/`` answered."""
        return self._statement(Context.ENROLMENT, enrolment_facts(challenge, self.public_key))

    def approve(self, review: Review, *, reason: str) -> bytes:
        """Return Tenuo's SignedApproval bytes. Raises ``KeyRefused``."""
        now = int(time.time())
        payload = approval.encode_payload(
            approval.ApprovalTerms(
                request_hash=review.request_hash,
                nonce=secrets.token_bytes(16),
                external_id=review.external_id,
                approved_at=now,
                expires_at=min(now + review.signature_lifetime_seconds, review.expires_at),
                binding=review.binding,
                reason=reason,
            )
        )
        signature = self._keeper.sign(approval.signed_message(payload))
        signed = approval.assemble(payload, self.public_key, signature)
        try:
            parsed = approval.parse(signed)
            parsed.verify()
        except MalformedStatement as error:
            raise KeyRefused(f"What was signed does not hold. {error} Nothing was sent.") from error
        _require_same(review, parsed.terms.request_hash, parsed.terms.binding)
        return signed

    def deny(self, review: Review, *, reason: str, proposed: bytes | None = None) -> bytes:
        """Return the envelope of a denial. Raises ``KeyRefused``."""
        facts = denial.facts(
            request_hash=review.request_hash,
            nonce=secrets.token_bytes(16),
            external_id=review.external_id,
            denied_at=int(time.time()),
            reason=reason,
            binding=review.binding,
            proposed_arguments=proposed,
        )
        signed = self._statement(Context.DENIAL, facts)
        try:
            parsed = denial.parse(signed)
        except MalformedStatement as error:
            raise KeyRefused(f"What was signed does not hold. {error} Nothing was sent.") from error
        _require_same(review, parsed.request_hash, parsed.binding)
        return signed

    def retract(self, review: Review, *, nonce: bytes) -> bytes:
        """Return the envelope that takes back the approval with this nonce. Raises ``KeyRefused``."""
        facts = retraction.facts(
            request_hash=review.request_hash,
            nonce=nonce,
            external_id=review.external_id,
            retracted_at=int(time.time()),
            binding=review.binding,
        )
        signed = self._statement(Context.RETRACTION, facts)
        parsed = retraction.parse(signed)
        _require_same(review, parsed.request_hash, parsed.binding)
        return signed

    def _statement(self, context: Context, facts: dict[str, Any]) -> bytes:
        facts = {"version": 1, **facts}
        statement = cbor.encode(facts)
        signature = self._keeper.sign(message(context, statement))
        envelope = Envelope(statement, self.public_key, signature, facts)
        try:
            envelope.verify(context)
        except MalformedStatement as error:
            raise KeyRefused(
                "The signature does not belong to the key: the token or file is not the one that was "
                "enrolled. Nothing was sent."
            ) from error
        return envelope.to_bytes()


def enrolment_facts(challenge: Mapping[str, str], public_key: bytes) -> dict[str, Any]:
    """Return what a new key signs to be enrolled; the twin of ``static/js/lib/enrolment.js``."""
    return {
        "challenge": base64.b64decode(challenge["challenge"], validate=True),
        "issuer": challenge["issuer"],
        "subject": challenge["subject"],
        "origin": challenge["origin"],
        "public_key": public_key,
        # A passphrase or a token guards it, but no passkey has to be there for every signature.
        "strength": "ordinary",
    }


def _require_same(review: Review, request_hash: bytes, binding: Binding) -> None:
    if request_hash != review.request_hash or binding != review.binding:
        raise KeyRefused("What was signed is not this request. Nothing was sent.")
