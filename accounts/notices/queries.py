"""What a person has not yet said that they saw."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from accounts.models import Notice, Person

SHOWN = 5


def standing(person: Person | AnonymousUser) -> list[Notice]:
    """Return the newest notices of ``person`` that are not dismissed, newest first."""
    if not isinstance(person, Person):
        return []
    return list(Notice.objects.filter(person=person, dismissed_at=None)[:SHOWN])
