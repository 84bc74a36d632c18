"""Whom a name from another system means here: alerts call people by e-mail address, or as their tool shows them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounts.models import Person


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


def is_external_id(name: str) -> bool:
    """Whether ``name`` has the form of ``Person.external_id``: ``local:ada`` or ``https://id.example.com#4711``."""
    if "#" in name:
        return all(name.split("#", 1))
    return name.startswith("local:") and name != "local:"


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
