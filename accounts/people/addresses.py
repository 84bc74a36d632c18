"""Whose e-mail address one is. Read only."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Lower

from accounts.models import Person


def people_by_address(addresses: Iterable[str]) -> dict[str, Person]:
    """Return by address, in small letters, the one active person who has it; if none is, the one who has left.

    An address that several have is nobody's. One query.
    """
    wanted = {address.lower() for address in addresses if address}
    having: dict[str, list[Person]] = {}
    for person in Person.objects.annotate(address=Lower("email")).filter(address__in=wanted):
        having.setdefault(person.email.lower(), []).append(person)
    chosen = {address: [one for one in people if one.is_active] or people for address, people in having.items()}
    return {address: people[0] for address, people in chosen.items() if len(people) == 1}
