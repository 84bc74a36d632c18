"""Roles as Django permissions, for rooms that know people only by what they may do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.roles.contracts import KEY_HOLDERS, Role
from accounts.roles.queries import NOWHERE, Reach, remembered_reach

# Any one of the roles gives it (or one that implies it).
_ROLES_FOR = {
    "audit.view_ledgerentry": (Role.VIEWER,),
    "audit.export_ledgerentry": (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR),
    # Arguments, reasoning and results of calls: who decides, who oversees, and who is trusted with payloads.
    "audit.view_content": (Role.APPROVER, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR, Role.PAYLOAD_READER),
    "audit.decode_payload": (Role.PAYLOAD_READER,),
    "accounts.add_approverkey": KEY_HOLDERS,
    "accounts.add_keyendorsement": (Role.SECURITY_ADMINISTRATOR,),
    "warrants.view_policyversion": (
        Role.POLICY_AUTHOR,
        Role.POLICY_PUBLISHER,
        Role.AUDITOR,
        Role.SECURITY_ADMINISTRATOR,
    ),
    "accounts.view_rolegrant": (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR),
}


class RoleBackend(BaseBackend):
    """Signs nobody in: it only says what a person with a role may do, and where.

    Like Django's own backend it remembers what the database said for as long as the person's object lives.
    """

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return obj is None and bool(self.reach(user_obj, perm))

    def reach(self, user_obj: Any, perm: str) -> Reach:
        """Return the namespaces in which ``user_obj`` has ``perm``."""
        return remembered_reach(user_obj, *_ROLES_FOR[perm]) if perm in _ROLES_FOR else NOWHERE
