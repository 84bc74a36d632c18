"""Signatures as Standard Webhooks has them: https://github.com/standard-webhooks/standard-webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable


def headers(*, message_id: str, seconds: int, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """Return the headers that sign ``body`` at ``seconds`` of Unix time with each of ``secrets``."""
    signed = f"{message_id}.{seconds}.".encode() + body
    macs = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{mac}" for mac in macs),
    }
