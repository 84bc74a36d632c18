"""Giving and taking roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role

# One grant of a role in a namespace: what a provider's group, or an operator, can give.
Place = tuple[Role, str]


@transaction.atomic
def grant(*, person: Person, role: Role, granted_by: str, namespace: str = EVERYWHERE) -> RoleGrant:
    """Give ``person`` the role in ``namespace`` and return the grant; a role they hold keeps its first grant.

    ``granted_by`` says who did it, as text: an external id, or "command line".
    """
    granted, _ = RoleGrant.objects.get_or_create(
        person=person, role=Role(role).value, namespace=namespace, group="", defaults={"granted_by": granted_by}
    )
    return granted


@transaction.atomic
def apply_groups(*, person: Person, groups: Collection[str], roles_of: Mapping[str, Collection[Place]]) -> None:
    """Make the roles that ``person`` has through groups those of ``groups``, as their provider says now.

    ``roles_of`` says what each group gives; a group that it does not name gives nothing. A role given by hand
    stays.
    """
    due = {(group, role.value, space) for group in set(groups) & roles_of.keys() for role, space in roles_of[group]}
    held = RoleGrant.objects.select_for_update().filter(person=person).exclude(group="")
    kept = set()
    for granted in held:
        place = (granted.group, granted.role, granted.namespace)
        if place in due:
            kept.add(place)
        else:
            granted.delete()
    RoleGrant.objects.bulk_create(
        RoleGrant(person=person, role=role, namespace=space, group=group, granted_by=f"group {group}"[:320])
        for group, role, space in sorted(due - kept)
    )
