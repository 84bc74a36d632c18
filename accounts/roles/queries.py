"""Who holds which role."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role


def has_role(person: Person | AnonymousUser, role: Role) -> bool:
    """Return whether ``person`` is active and holds ``role``, directly or by a role that implies it."""
    if not isinstance(person, Person) or not person.is_active:
        return False
    return RoleGrant.objects.filter(person=person, role__in=role.satisfied_by).exists()
