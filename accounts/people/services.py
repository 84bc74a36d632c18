"""Creating people. An operator does this, or single sign-on: nobody signs up."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.errors import InvalidPerson
from accounts.models import Person
from accounts.roles.contracts import Role
from accounts.roles.services import grant


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
