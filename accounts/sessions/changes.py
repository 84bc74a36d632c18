"""Telling every process, within a second, whose access has changed.

Whoever changes what a person may do calls ``note_access_change`` in the same transaction. A process that holds
sockets asks once a second whose time has moved (``changed_since``), which works on every database, across
processes, and for commands that end at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Person

# Transactions commit later than they look at the clock, and the clocks of processes differ by less than this.
SLACK = timedelta(seconds=60)


def note_access_change(*, person: Person) -> None:
    """Let the open sockets of ``person`` check anew what they may do."""
    Person.objects.filter(pk=person.pk).update(access_changed_at=timezone.now())


def changed_since(moment: datetime) -> list[tuple[int, datetime]]:
    """Return (person's id, when it changed) for everybody whose access changed since ``moment``, or a little before."""
    changed = Person.objects.filter(access_changed_at__gt=moment - SLACK)
    return list(changed.values_list("pk", "access_changed_at"))
