"""What a security administrator does to other people. Each checks who asks, then calls the service of its name.

A security administrator of one namespace gives and takes roles there. What concerns a whole person (disabling,
enabling, sessions) and roles in all namespaces need one of all namespaces.
"""

from __future__ import annotations

from django.db import transaction

from accounts.errors import NotAnAdministrator, NotForOneself
from accounts.models import Person
from accounts.people import services as people
from accounts.roles import services as roles
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import has_role
from accounts.sessions import services as sessions


@transaction.atomic
def grant_role(*, administrator: Person, person: Person, role: Role, namespace: str) -> None:
    """Raises ``NotAnAdministrator``, ``NotForOneself`` and ``InvalidNamespace``."""
    namespace = roles.clean_namespace(namespace)
    _require(administrator, namespace)
    _require_another(administrator, person)
    roles.grant(person=person, role=role, namespace=namespace, granted_by=administrator.external_id)


@transaction.atomic
def revoke_role(*, administrator: Person, person: Person, role: Role, namespace: str) -> None:
    """Raises ``NotAnAdministrator`` and what ``accounts.roles.services.revoke`` raises."""
    namespace = roles.clean_namespace(namespace)
    _require(administrator, namespace)
    roles.revoke(person=person, role=role, namespace=namespace, revoked_by=administrator.external_id)


@transaction.atomic
def disable_person(*, administrator: Person, person: Person) -> None:
    """Raises ``NotAnAdministrator``, ``NotForOneself`` and ``LastAdministrator``."""
    _require(administrator, EVERYWHERE)
    _require_another(administrator, person)
    people.disable(person=person, disabled_by=administrator.external_id)


@transaction.atomic
def enable_person(*, administrator: Person, person: Person) -> None:
    """Raises ``NotAnAdministrator``."""
    _require(administrator, EVERYWHERE)
    people.enable(person=person, enabled_by=administrator.external_id)


@transaction.atomic
def end_session(*, administrator: Person, person: Person, session_id: int) -> None:
    """Raises ``NotAnAdministrator`` and ``UnknownSession``."""
    _require(administrator, EVERYWHERE)
    sessions.end(person=person, session_id=session_id)


def _require(administrator: Person, namespace: str) -> None:
    if not has_role(administrator, Role.SECURITY_ADMINISTRATOR, namespace=namespace):
        raise NotAnAdministrator


def _require_another(administrator: Person, person: Person) -> None:
    if administrator.pk == person.pk:
        raise NotForOneself
