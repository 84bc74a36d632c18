"""How urgent a severity is. Severities are the alerting system's words."""

from __future__ import annotations

_RANKS = {
    "critical": 0, "sev1": 0, "p1": 0,
    "high": 1, "error": 1, "major": 1, "sev2": 1, "p2": 1,
    "medium": 2, "warning": 2, "minor": 2, "sev3": 2, "p3": 2,
    "low": 3, "info": 3, "sev4": 3, "p4": 3, "sev5": 3, "p5": 3,
}  # fmt: skip
_UNKNOWN = 2
MOST_URGENT = tuple(word for word, rank in _RANKS.items() if rank == 0)


def rank(severity: str) -> int:
    """Return 0 (most urgent) to 3; a word that is not known ranks in the middle."""
    return _RANKS.get(severity.strip().lower(), _UNKNOWN)
