"""What one act of revoking is aimed at. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Which warrants an act takes back. Values are stored; none is ever reused."""

    WARRANT = "warrant"
    AGENT = "agent"
    POLICY = "policy"
    ISSUER = "issuer"
    NAMESPACE = "namespace"


# For these a stop also keeps warrants from being minted.
STOPPABLE = (Scope.NAMESPACE, Scope.AGENT)


@dataclass(frozen=True, slots=True)
class Aim:
    """All live warrants of what ``name`` names; of a policy, those of its version ``number``."""

    scope: Scope
    name: str
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.scope} {self.name}" + (f" version {self.number}" if self.number is not None else "")


@dataclass(frozen=True, slots=True)
class Held:
    """What the process ``worker`` holds in ``namespace``: a revocation list and a set of trusted roots; 0 for none."""

    worker: str
    namespace: str
    version: int
    roots: int = 0
