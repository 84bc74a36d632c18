"""A Temporal namespace as the operator configured it: ``settings.NAMESPACES`` holds these. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.roles.contracts import Role


@dataclass(frozen=True, slots=True)
class SearchAttribute:
    """``kind`` is Temporal's name for the type: Bool, Datetime, Double, Int, Keyword or KeywordList."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class GroupRole:
    """A role in the namespace that people have through a group of their identity provider."""

    group: str
    role: Role


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace.

    ``retention_days``: how long the server keeps closed histories; None: whatever the server is set to.
    ``evidence_days``: how long an incident's evidence is kept after its last entry; None: without an end.
    ``deletion_protection``: the server must refuse to delete the namespace.
    ``encrypted``: payloads are encrypted with the namespace's ring.
    ``served``: this application's workers poll there: the approvals task queue, and what it knows of ``task_queues``.
    ``alerts``: the services whose alerts start an incident there.
    """

    name: str
    retention_days: int | None = None
    evidence_days: int | None = None
    search_attributes: tuple[SearchAttribute, ...] = ()
    deletion_protection: bool = False
    encrypted: bool = True
    served: bool = True
    task_queues: tuple[str, ...] = ()
    group_roles: tuple[GroupRole, ...] = ()
    alerts: tuple[str, ...] = ()

    @property
    def approver_groups(self) -> tuple[str, ...]:
        return tuple(given.group for given in self.group_roles if given.role is Role.APPROVER)
