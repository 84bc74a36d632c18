"""Roles as Django permissions, for rooms that know people only by what they may do."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from accounts.models import Person
from accounts.roles.contracts import KEY_HOLDERS, Role
from accounts.roles.queries import NOWHERE, Reach, remembered_reach
from accounts.step_up import freshness

# Any one of the roles gives it (or one that implies it).
_ROLES_FOR = {
    "audit.view_ledgerentry": (Role.VIEWER,),
    "audit.export_ledgerentry": (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR),
    # Arguments, reasoning and results of calls: who decides, who oversees, and who is trusted with payloads.
    "audit.view_content": (Role.APPROVER, Role.AUDITOR, Role.SECURITY_ADMINISTRATOR, Role.PAYLOAD_READER),
    "audit.decode_payload": (Role.PAYLOAD_READER,),
    "audit.erase_payload": (Role.SECURITY_ADMINISTRATOR,),
    "accounts.add_approverkey": KEY_HOLDERS,
    "accounts.add_keyendorsement": (Role.SECURITY_ADMINISTRATOR,),
    "warrants.view_policyversion": (
        Role.POLICY_AUTHOR,
        Role.POLICY_PUBLISHER,
        Role.AUDITOR,
        Role.SECURITY_ADMINISTRATOR,
    ),
    "warrants.add_warrant": (Role.APPROVER, Role.SECURITY_ADMINISTRATOR),
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

    def signed_in_just_now(self, http_request: HttpRequest) -> bool:
        """Return whether the person showed within minutes that it is them, for what cannot be undone."""
        person = http_request.user
        if not isinstance(person, Person):
            return False
        sign_ins = get_authentication_records(http_request, person)
        return freshness.signed_in_just_now(
            person, freshness.Presence(http_request.session.session_key or "", sign_ins)
        )
