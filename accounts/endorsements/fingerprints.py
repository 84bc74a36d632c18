"""Fingerprints in a form that can be read aloud. Pure."""

from __future__ import annotations


def in_groups(fingerprint: str) -> str:
    """Return 64 hexadecimal digits in eight groups, as browsers show them."""
    return " ".join(fingerprint[index : index + 8] for index in range(0, len(fingerprint), 8))
