"""Who holds which role, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import EVERYWHERE, Role


@dataclass(frozen=True, slots=True)
class Reach:
    """The namespaces in which somebody holds a role; ``everywhere`` for all, also those to come."""

    everywhere: bool
    namespaces: frozenset[str]

    def __contains__(self, namespace: str) -> bool:
        return self.everywhere or namespace in self.namespaces

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.namespaces)


NOWHERE = Reach(False, frozenset())
_HELD = "_roles_held"


def has_role(person: Person | AnonymousUser, role: Role, *, namespace: str | None = None) -> bool:
    """Return whether ``person`` is active and holds ``role``, directly or by a role that implies it.

    ``namespace`` None asks whether they hold it anywhere.
    """
    if not isinstance(person, Person) or not person.is_active:
        return False
    grants = RoleGrant.objects.filter(person=person, role__in=role.satisfied_by)
    if namespace is not None:
        grants = grants.filter(namespace__in=[EVERYWHERE, namespace])
    return grants.exists()


def reach(person: Person | AnonymousUser, *roles: Role) -> Reach:
    """Return where ``person`` holds one of ``roles``, in one query; nowhere for somebody who is not active."""
    if not isinstance(person, Person) or not person.is_active:
        return NOWHERE
    sources = _sources(roles)
    grants = RoleGrant.objects.filter(person=person, role__in=sources)
    return _reach_of(grants.values_list("namespace", flat=True))


def remembered_reach(person: Person | AnonymousUser, *roles: Role) -> Reach:
    """Return the same as the database said when it was first asked about this object: for one visit, not for longer."""
    if not isinstance(person, Person) or not person.is_active:
        return NOWHERE
    held: list[tuple[str, str]] | None = getattr(person, _HELD, None)
    if held is None:
        held = list(RoleGrant.objects.filter(person=person).values_list("role", "namespace"))
        setattr(person, _HELD, held)
    sources = _sources(roles)
    return _reach_of(namespace for role, namespace in held if role in sources)


def _sources(roles: Iterable[Role]) -> frozenset[Role]:
    return frozenset[Role]().union(*(role.satisfied_by for role in roles))


def _reach_of(namespaces: Iterable[str]) -> Reach:
    found = frozenset(namespaces)
    return Reach(EVERYWHERE in found, found - {EVERYWHERE})
