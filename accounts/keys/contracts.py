"""How well a person's key is kept."""

from __future__ import annotations

from enum import StrEnum


class KeyStrength(StrEnum):
    """Named by the key itself when it is enrolled, and by who endorses it. Values are signed; none is ever reused."""

    ORDINARY = "ordinary"  # not extractable by code, but readable by whoever reads the browser profile's files
    STRONG = "strong"  # wrapped by a passkey's secret: every signature needs the passkey
