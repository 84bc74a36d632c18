"""Whether something holds content that must go. Pure."""

from __future__ import annotations

# Shorter ones stand in many places by chance, and say as little.
_TELLING = 8


def holds(data: bytes, content: bytes) -> bool:
    """Return whether ``data`` is ``content``, or has it inside, as what people are shown has earlier arguments."""
    return data == content or (len(content) >= _TELLING and content in data)
