"""How a person is told. Read only."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Person
from approvals.models import MutedChannel, QuietHours
from approvals.notify.channels import set_up


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """A channel that this installation has, and where it reaches somebody: nowhere, if ``address`` is empty."""

    name: str
    label: str
    address: str
    is_on: bool


def choices(person: Person) -> list[ChannelChoice]:
    muted = set(MutedChannel.objects.filter(person=person).values_list("channel", flat=True))
    return [
        ChannelChoice(channel.name, channel.label, channel.address_of(person), channel.name not in muted)
        for channel in set_up()
        if not channel.tells_all
    ]


def quiet_hours(person: Person) -> QuietHours | None:
    return QuietHours.objects.filter(person=person).first()
