"""Roles as Django permissions, for rooms that know people only by ``person.has_perm``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.roles.contracts import KEY_HOLDERS, Role
from accounts.roles.queries import has_role

# Each is given by any of its roles (and by those that imply them).
_ROLES_FOR = {
    "audit.view_ledgerentry": (Role.VIEWER,),
    "accounts.add_approverkey": KEY_HOLDERS,
    "accounts.add_keyendorsement": (Role.SECURITY_ADMINISTRATOR,),
}


class RoleBackend(BaseBackend):
    """Signs nobody in: it only says what a person with a role may do."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return obj is None and any(has_role(user_obj, role) for role in _ROLES_FOR.get(perm, ()))
