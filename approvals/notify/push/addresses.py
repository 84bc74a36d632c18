"""Where push reaches a person: the names of their browsers. The transport sends to each of them."""

from __future__ import annotations

from accounts.models import Person
from approvals.models import PushSubscription

MAXIMUM = 320


def address_of(person: Person) -> str:
    """Return the browsers of ``person`` by name, oldest first, or nothing. No endpoint: it is a secret."""
    names = PushSubscription.objects.filter(person=person).order_by("pk").values_list("browser", flat=True)
    return ", ".join(names)[:MAXIMUM]
