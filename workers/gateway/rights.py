"""What a token lets its bearer do, in the shape of Temporal's default claim mapper.

``permissions`` is a list of ``namespace:right``; the namespace ``temporal-system`` (or ``system``) stands for all of
them. Beside Temporal's four rights there is ``nexus``: to call that namespace through Nexus, and to answer its calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from workers.gateway.methods import Access

SYSTEM = frozenset({"temporal-system", "system"})
MAXIMUM_PERMISSIONS = 1000


class Right(StrEnum):
    READ = "read"
    WRITE = "write"
    WORKER = "worker"
    ADMIN = "admin"
    NEXUS = "nexus"


_IMPLIED = {
    Right.READ: {Right.READ},
    Right.WORKER: {Right.WORKER},
    Right.WRITE: {Right.READ, Right.WORKER, Right.WRITE},
    Right.ADMIN: set(Right),
    Right.NEXUS: {Right.NEXUS},
}
_NEEDED = {
    Access.READ: Right.READ,
    Access.WRITE: Right.WRITE,
    Access.WORKER: Right.WORKER,
    Access.ADMIN: Right.ADMIN,
}


@dataclass(frozen=True, slots=True)
class Rights:
    """Rights by namespace, with what they imply; ``system`` holds in every namespace."""

    namespaces: Mapping[str, frozenset[Right]]
    system: frozenset[Right]

    def have(self, right: Right, namespace: str) -> bool:
        return right in self._of(namespace)

    def allow(self, access: Access, namespace: str) -> bool:
        """Return whether a method of class ``access`` may be called on ``namespace`` (empty: it has none)."""
        if access is Access.ANYBODY:
            return True
        if access is Access.CLOSED:
            return False
        if access is Access.SYSTEM:
            return Right.ADMIN in self.system
        if access is Access.MEMBER:
            return bool(self._of(namespace) - {Right.NEXUS})
        return self.have(_NEEDED[access], namespace)

    def reaching(self, right: Right) -> list[str]:
        """Return the namespaces that are named with ``right``."""
        return [namespace for namespace, rights in self.namespaces.items() if right in rights]

    def _of(self, namespace: str) -> frozenset[Right]:
        return self.system | self.namespaces.get(namespace, frozenset())


def rights_of(permissions: object) -> Rights:
    """Return the rights that the claim ``permissions`` gives. What cannot be understood gives none."""
    found: dict[str, set[Right]] = {}
    for permission in permissions[:MAXIMUM_PERMISSIONS] if isinstance(permissions, list) else []:
        namespace, _, word = str(permission).rpartition(":")
        if namespace and word.lower() in set(Right):
            found.setdefault("" if namespace in SYSTEM else namespace, set()).update(_IMPLIED[Right(word.lower())])
    system = frozenset(found.pop("", set()))
    return Rights({namespace: frozenset(rights) for namespace, rights in found.items()}, system)
