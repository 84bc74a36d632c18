"""Giving and taking roles. Who may do so is checked by ``accounts.people.administration``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction

from accounts.errors import InvalidNamespace, RoleNotHeld
from accounts.models import Person, RoleGrant
from accounts.people.entries import record
from accounts.people.safety import keep_an_administrator
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import has_role
from accounts.sessions.changes import note_access_change
from accounts.sessions.services import end_all
from audit.statements.kinds import EntryKind

MAXIMUM_NAMESPACE = 255
# One grant of a role in a namespace: what a provider's group, or an operator, can give.
Place = tuple[Role, str]


@transaction.atomic
def grant(*, person: Person, role: Role, granted_by: str, namespace: str = EVERYWHERE) -> RoleGrant:
    """Give ``person`` the role in ``namespace`` and return the grant; a role they hold keeps its first grant.

    ``granted_by`` says who did it, as text: an external id, or "command line". Raises ``InvalidNamespace``.
    """
    role, namespace = Role(role), clean_namespace(namespace)
    granted, is_new = RoleGrant.objects.get_or_create(
        person=person, role=role.value, namespace=namespace, group="", defaults={"granted_by": granted_by}
    )
    if is_new:
        _record(EntryKind.ROLE_GRANTED, granted, by=granted_by)
        note_access_change(person=person)
    return granted


@transaction.atomic
def revoke(*, person: Person, role: Role, revoked_by: str, namespace: str = EVERYWHERE) -> None:
    """Take a role that ``person`` was given by hand; their last one ends their sessions.

    A role that comes through a group stays until they leave the group. Raises ``RoleNotHeld``,
    ``LastAdministrator`` and ``InvalidNamespace``.
    """
    role, namespace = Role(role), clean_namespace(namespace)
    with keep_an_administrator():
        held = RoleGrant.objects.select_for_update().filter(
            person=person, role=role.value, namespace=namespace, group=""
        )
        granted = held.first()
        if granted is None:
            raise RoleNotHeld
        granted.delete()
    _record(EntryKind.ROLE_REVOKED, granted, by=revoked_by)
    note_access_change(person=person)
    if not has_role(person, Role.VIEWER):
        end_all(person=person)


@transaction.atomic
def apply_groups(*, person: Person, groups: Collection[str], roles_of: Mapping[str, Collection[Place]]) -> None:
    """Make the roles that ``person`` has through groups those of ``groups``, as their provider says now.

    ``roles_of`` says what each group gives; a group that it does not name gives nothing. A role given by hand
    stays.
    """
    due = {(group, role.value, space) for group in set(groups) & roles_of.keys() for role, space in roles_of[group]}
    held = RoleGrant.objects.select_for_update().filter(person=person).exclude(group="")
    kept = set()
    left = []
    for granted in held:
        place = (granted.group, granted.role, granted.namespace)
        if place in due:
            kept.add(place)
        else:
            granted.delete()
            left.append(granted)
    joined = RoleGrant.objects.bulk_create(
        RoleGrant(person=person, role=role, namespace=space, group=group, granted_by=f"group {group}"[:320])
        for group, role, space in sorted(due - kept)
    )
    for granted in left:
        _record(EntryKind.ROLE_REVOKED, granted, by=granted.granted_by)
    for granted in joined:
        _record(EntryKind.ROLE_GRANTED, granted, by=granted.granted_by)
    if left or joined:
        note_access_change(person=person)


def clean_namespace(namespace: str) -> str:
    """Return ``namespace`` as it is stored. Raises ``InvalidNamespace``."""
    namespace = namespace.strip()
    if len(namespace) > MAXIMUM_NAMESPACE or not namespace.isprintable() or " " in namespace:
        raise InvalidNamespace(maximum=MAXIMUM_NAMESPACE)
    return namespace


def _record(kind: EntryKind, granted: RoleGrant, *, by: str) -> None:
    record(kind, granted.person, by=by, role=granted.role, namespace=granted.namespace, group=granted.group)
