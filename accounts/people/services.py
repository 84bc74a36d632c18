"""Creating, disabling and enabling people. An operator creates them, or single sign-on: nobody signs up."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.errors import InvalidPerson
from accounts.models import Person, SignInLink
from accounts.people.entries import record
from accounts.people.safety import keep_an_administrator
from accounts.roles.contracts import Role
from accounts.roles.services import grant
from accounts.sessions.changes import note_access_change
from accounts.sessions.services import end_all
from audit.statements.kinds import EntryKind


@transaction.atomic
def create(*, username: str, display_name: str, role: Role | None, created_by: str) -> Person:
    """Create a person without a password, give them ``role``, and return them.

    Raises ``InvalidPerson`` naming the field, also for a username that is taken.
    """
    person = Person(username=username, display_name=" ".join(display_name.split()))
    person.set_unusable_password()
    if not person.display_name.isprintable():
        raise InvalidPerson("The name has characters that cannot be seen.", field="display_name")
    try:
        person.full_clean()
    except ValidationError as error:
        field, sentences = next(iter(error.message_dict.items()))
        raise InvalidPerson(f"{field}: {' '.join(sentences)}", field=field) from error
    person.save()
    if role is not None:
        grant(person=person, role=role, granted_by=created_by)
    return person


@transaction.atomic
def disable(*, person: Person, disabled_by: str) -> None:
    """Shut ``person`` out now: sessions, sockets and sign-in links end, their keys sign nothing more.

    Grants, keys and decisions stay known. ``disabled_by`` is an external id or "command line"; disabling twice
    changes nothing. Raises ``LastAdministrator``.
    """
    with keep_an_administrator():
        locked = Person.objects.select_for_update().get(pk=person.pk)
        person.is_active = False
        if not locked.is_active:
            return
        Person.objects.filter(pk=person.pk).update(is_active=False)
    SignInLink.objects.filter(person=person, redeemed_at=None).delete()
    end_all(person=person)
    note_access_change(person=person)
    record(EntryKind.PERSON_DISABLED, locked, by=disabled_by)


@transaction.atomic
def enable(*, person: Person, enabled_by: str) -> None:
    """Let ``person`` sign in again, with the roles and keys they have; sessions of before stay over."""
    locked = Person.objects.select_for_update().get(pk=person.pk)
    person.is_active = True
    if locked.is_active:
        return
    Person.objects.filter(pk=person.pk).update(is_active=True)
    note_access_change(person=person)
    record(EntryKind.PERSON_ENABLED, locked, by=enabled_by)
