"""What the commands about people share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from accounts.errors import AccountError
from accounts.models import Person

BY = "command line"


def find_person(name: str) -> Person:
    """Return the person of that username or external id. Raises ``CommandError``."""
    subjects = [name.rpartition("#")[2], name.rpartition(":")[2]]
    for person in Person.objects.filter(subject__in=subjects):
        if person.external_id == name:
            return person
    named = Person.objects.filter(username=name).first()
    if named is not None:
        return named
    raise CommandError(
        f"Nobody is called {name!r}. Create them with manage.py create_person, or let them sign in once."
    )


@contextmanager
def sentences() -> Iterator[None]:
    """Turn domain errors into what a command says."""
    try:
        yield
    except AccountError as error:
        raise CommandError(error.sentence) from error
