"""Roles as Django permissions, for rooms that know people only by ``person.has_perm``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.roles.contracts import Role
from accounts.roles.queries import has_role

# Each is given by one role (and by those that imply it).
_ROLE_FOR = {
    "audit.view_ledgerentry": Role.VIEWER,
    "accounts.add_approverkey": Role.APPROVER,
}


class RoleBackend(BaseBackend):
    """Signs nobody in: it only says what a person with a role may do."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return obj is None and perm in _ROLE_FOR and has_role(user_obj, _ROLE_FOR[perm])
