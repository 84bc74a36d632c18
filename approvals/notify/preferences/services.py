"""A person says how they want to be told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.models import MutedChannel, Notification, QuietHours
from approvals.notify.channels import set_up
from approvals.notify.contracts import NotificationState


@dataclass(frozen=True, slots=True)
class Quiet:
    """From when to when, by the clock of an IANA time zone. Over midnight if it ends before it begins."""

    begins: time
    ends: time
    time_zone: str


@transaction.atomic
def prefer(*, person: Person, channels: Collection[str], quiet: Quiet | None) -> None:
    """Tell ``person`` over ``channels`` of those that are set up, and leave them alone while it is ``quiet``."""
    # Two pages of one person that are sent at once come one after the other.
    Person.objects.select_for_update().get(pk=person.pk)
    for channel in set_up():
        if channel.name in channels:
            MutedChannel.objects.filter(person=person, channel=channel.name).delete()
        else:
            MutedChannel.objects.get_or_create(person=person, channel=channel.name)
    if quiet is None:
        QuietHours.objects.filter(person=person).delete()
    else:
        values = {"begins": quiet.begins, "ends": quiet.ends, "time_zone": quiet.time_zone}
        QuietHours.objects.update_or_create(person=person, defaults=values)
    # What the hours before held back is looked at again.
    held = Notification.objects.filter(person=person, state=NotificationState.WAITING, attempts=0)
    held.update(due_at=timezone.now())
