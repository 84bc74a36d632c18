"""Reasons, as people give them."""

from __future__ import annotations

from audit.retention.errors import ReasonMissing

MAXIMUM_REASON = 500


def clean_reason(text: str) -> str:
    """Return ``text`` without space around it. Raises ``ReasonMissing`` if that is nothing, too long or unprintable."""
    reason = text.strip()
    if not 1 <= len(reason) <= MAXIMUM_REASON or not reason.isprintable():
        raise ReasonMissing(MAXIMUM_REASON)
    return reason
