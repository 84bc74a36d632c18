"""Giving roles."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role


@transaction.atomic
def grant(*, person: Person, role: Role, granted_by: str) -> RoleGrant:
    """Give ``person`` the role and return the grant; a role they hold keeps its first grant.

    ``granted_by`` says who did it, as text: an external id, or "command line".
    """
    granted, _ = RoleGrant.objects.get_or_create(
        person=person, role=Role(role).value, defaults={"granted_by": granted_by}
    )
    return granted
