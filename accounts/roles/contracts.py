"""The roles people can hold."""

from __future__ import annotations

from enum import StrEnum

EVERYWHERE = ""


class Role(StrEnum):
    """What a person may do. Values are stored; none is ever reused. Every role implies viewer."""

    VIEWER = "viewer"  # sees requests and incidents
    APPROVER = "approver"  # also makes keys and decides
    POLICY_AUTHOR = "policy_author"  # drafts what agents may do
    POLICY_PUBLISHER = "policy_publisher"  # signs that a draft takes effect
    AUDITOR = "auditor"  # exports evidence, sees who may do what
    SECURITY_ADMINISTRATOR = "security_administrator"  # endorses and revokes keys, gives roles
    PAYLOAD_READER = "payload_reader"  # reads prompts, completions, arguments and results in plain

    @property
    def satisfied_by(self) -> frozenset[Role]:
        """The grants of which any one gives this role."""
        return frozenset(Role) if self is Role.VIEWER else frozenset({self})


# Those who sign: approvers decide, policy publishers publish, security administrators endorse keys.
KEY_HOLDERS = (Role.APPROVER, Role.POLICY_PUBLISHER, Role.SECURITY_ADMINISTRATOR)
