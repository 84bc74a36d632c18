"""Which receivers are told of what."""

from __future__ import annotations

from accounts.models import Person
from approvals.models import StoppedWebhook
from approvals.notify.contracts import Place
from approvals.notify.webhooks.settings import receivers


def address_of(person: Person) -> str:
    """Return nothing: receivers are programs."""
    return ""


def places_of(namespace: str, policy: str) -> list[Place]:
    """Return the receivers that are told of requests in ``namespace``, but those that have said that they are gone."""
    found = [one for one in receivers().values() if one.is_told_of(namespace)]
    stopped = set(StoppedWebhook.objects.values_list("name", flat=True)) if found else set()
    return [Place(one.name, f"Webhook {one.name}", one.events) for one in found if one.name not in stopped]
