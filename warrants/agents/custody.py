"""Under which purpose custody wraps agents' keys."""

from __future__ import annotations


def wrapping_purpose(name: str) -> str:
    return f"agent-key:{name}"
