"""PagerDuty's webhook signatures (v1): ``X-PagerDuty-Signature: v1=<hex HMAC-SHA256 of the raw body>[,v1=…]``. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from workers.incident.alerts.errors import BadWebhookSignature, NoWebhookSecret

HEADER = "X-PagerDuty-Signature"
_MAXIMUM_SIGNATURES = 10


def sign(body: bytes, secret: str) -> str:
    """Return the header's value for ``body``."""
    return f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def check(body: bytes, header: str, secrets: Sequence[str]) -> None:
    """Raise unless one of the header's signatures was made with one of ``secrets``.

    There are several of either while a secret is being rotated. Every pair is compared, in constant time.
    """
    if not secrets:
        raise NoWebhookSecret("Set ALERT_WEBHOOK_SECRETS to the secret of the webhook's subscription.")
    if not header:
        raise BadWebhookSignature(f"The header {HEADER} is missing. Send it as v1=<hex HMAC-SHA256 of the body>.")
    given = [part.strip().encode() for part in header.split(",", _MAXIMUM_SIGNATURES)[:_MAXIMUM_SIGNATURES]]
    expected = [sign(body, secret).encode() for secret in secrets]
    if not any([hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]):  # noqa: C419
        raise BadWebhookSignature("No signature fits this body. Compare the subscription's secret with ours.")
