"""People who hold roles from the start, as if it had been long ago: nothing of it is in the ledger."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Person, RoleGrant
from accounts.roles.contracts import Role


def hold(person: Person, *roles: Role, namespace: str = "", group: str = "") -> Person:
    """Let ``person`` hold ``roles`` and return them."""
    for role in roles:
        RoleGrant.objects.create(person=person, role=role, namespace=namespace, group=group, granted_by="tests")
    return person


def person(username: str, *roles: Role, namespace: str = "", display_name: str = "") -> Person:
    """Return a new person with ``roles`` in ``namespace``, or everywhere; without any, an outsider."""
    # Their sockets are woken by what changes in the test, not by their having been made just now.
    long_ago = timezone.now() - timedelta(days=1)
    made = Person(username=username, display_name=display_name or username.title(), access_changed_at=long_ago)
    made.set_unusable_password()
    made.save()
    return hold(made, *roles, namespace=namespace)
