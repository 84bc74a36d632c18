"""An approver's key in this program's memory, and what it signs."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.cli.review import Review
from approvals.signing import approval, denial
from audit.statements.statements import Context, sign


class Signer:
    """Makes its own key, which never leaves this process and ends with it."""

    def __init__(self) -> None:
        self._private_key = Ed25519PrivateKey.generate()
        self.public_key = self._private_key.public_key().public_bytes_raw()

    def enrolment(self, challenge: Mapping[str, str]) -> bytes:
        """Return the envelope that proves possession, for what ``POST /keys/challenge/`` answered."""
        facts = {
            "challenge": base64.b64decode(challenge["challenge"], validate=True),
            "issuer": challenge["issuer"],
            "subject": challenge["subject"],
            "origin": challenge["origin"],
            "public_key": self.public_key,
            "strength": "ordinary",  # kept by this program alone, with no passkey
        }
        return sign(Context.ENROLMENT, facts, self._private_key).to_bytes()

    def approve(self, review: Review, *, reason: str) -> bytes:
        """Return Tenuo's SignedApproval bytes."""
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
        signature = self._private_key.sign(approval.signed_message(payload))
        return approval.assemble(payload, self.public_key, signature)

    def deny(self, review: Review, *, reason: str) -> bytes:
        """Return the envelope of a denial."""
        facts = denial.facts(
            request_hash=review.request_hash,
            nonce=secrets.token_bytes(16),
            external_id=review.external_id,
            denied_at=int(time.time()),
            reason=reason,
            binding=review.binding,
        )
        return sign(Context.DENIAL, facts, self._private_key).to_bytes()
