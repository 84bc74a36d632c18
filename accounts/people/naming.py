"""Whom a name from another system means here: alerts call people by e-mail address, or as their tool shows them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounts.models import Person


def external_ids_of(names: Iterable[str]) -> set[str]:
    """Return the external ids of everybody, disabled or not, whom one of ``names`` may mean.

    A name with an @ is an e-mail address, another one a display name: of everybody who has it, so that it may mean a
    namesake. External ids mean themselves and are not looked up.
    """
    wanted = Q()
    for name in names:
        if not is_external_id(name):
            wanted |= Q(email__iexact=name) | Q(subject__iexact=name) if "@" in name else Q(display_name__iexact=name)
    return {person.external_id for person in Person.objects.filter(wanted)} if wanted else set()


def is_external_id(name: str) -> bool:
    """Whether ``name`` has the form of ``Person.external_id``: ``local:ada`` or ``https://id.example.com#4711``."""
    issuer, separator, subject = name.partition("#") if "#" in name else name.partition("local:")
    return bool(subject) and (bool(issuer) if separator == "#" else not issuer)
