"""Whom a name from another system means here: alerts call people by e-mail address, or as their tool shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set

from django.db.models import Q

from accounts.models import Person
from accounts.people.names import is_external_id


def external_ids_of(names: Iterable[str]) -> set[str]:
    """Return the external ids of everybody, disabled or not, whom one of ``names`` may mean.

    An external id means one person. Another name with an @ is an e-mail address; any other is a display name, and
    means everybody who has it.
    """
    return {person.external_id for person in Person.objects.filter(_anybody(names))}


def active_external_ids_of(names: Iterable[str]) -> set[str]:
    """Return the external ids of everybody who may sign in now and whom one of ``names`` may mean."""
    return {person.external_id for person in Person.objects.filter(_anybody(names), is_active=True)}


def strangers(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that mean nobody who is known here now."""
    return [name for name in names if not external_ids_of([name])]


def active_people_by_name(names: Collection[str]) -> dict[str, set[str]]:
    """Return, for each of ``names``, the external ids of those who may sign in now and whom it may mean.

    Each name is an external id or an e-mail address.
    """
    people = list(Person.objects.filter(_anybody(names), is_active=True))
    return {name: {person.external_id for person in people if _is_called(person, name)} for name in names}


def one_each(people_by_name: Mapping[str, Set[str]]) -> set[str]:
    """Return whom names mean that mean one person each; a name that means nobody, or several, counts for none."""
    return {person for people in people_by_name.values() if len(people) == 1 for person in people}


def _is_called(person: Person, name: str) -> bool:
    if is_external_id(name):
        return person.external_id == name
    return name.casefold() in (person.email.casefold(), person.subject.casefold())


def _anybody(names: Iterable[str]) -> Q:
    wanted = Q(pk=None)
    for name in names:
        wanted |= _whom(name)
    return wanted


def _whom(name: str) -> Q:
    if is_external_id(name):
        issuer, _, subject = name.partition("#" if "#" in name else ":")
        return Q(issuer=issuer, subject=subject)
    if "@" in name:
        return Q(email__iexact=name) | Q(subject__iexact=name)
    return Q(display_name__iexact=name)
