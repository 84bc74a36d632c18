"""Where mail reaches a person."""

from __future__ import annotations

from accounts.models import Person


def address_of(person: Person) -> str:
    """Return the address that the provider, or whoever made the account, gave for ``person``; or nothing."""
    return person.email.strip()
