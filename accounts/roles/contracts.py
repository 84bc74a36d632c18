"""The roles people can hold."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person may do. Values are stored; none is ever reused."""

    VIEWER = "viewer"  # sees requests and incidents
    APPROVER = "approver"  # also makes keys and decides; implies viewer

    @property
    def satisfied_by(self) -> frozenset[Role]:
        """The grants of which any one gives this role."""
        return frozenset({self, Role.APPROVER})
