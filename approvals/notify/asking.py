"""Writing down who is to be asked to decide a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from accounts.models import Person
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest, MutedChannel, Notification
from approvals.notify.channels import Channel
from approvals.notify.contracts import NotificationEvent, Place


def ask(
    approval_request: ApprovalRequest, channels: Sequence[Channel], people: Sequence[Person], now: datetime
) -> list[Person]:
    """Ask ``people`` over every channel they have not switched off; return those whom any reaches.

    Who was asked before is not asked again.
    """
    reached = reached_by(channels, people)
    write(
        approval_request,
        (
            _asking(
                approval_request, channel, now, person=person, recipient=person.external_id, display_name=str(person)
            )
            for person, channel in reached
        ),
    )
    return list(dict.fromkeys(person for person, _ in reached))


def reached_by(channels: Sequence[Channel], people: Sequence[Person]) -> list[tuple[Person, Channel]]:
    """Return whom of ``people`` each of ``channels`` reaches, if they have not switched it off."""
    muted = set(MutedChannel.objects.filter(person__in=people).values_list("person_id", "channel"))
    return [
        (person, channel)
        for person in people
        for channel in channels
        if (person.pk, channel.name) not in muted and channel.address_of(person)
    ]


def ask_places(approval_request: ApprovalRequest, channels: Sequence[Channel], policy: str, now: datetime) -> None:
    """Tell the places that read along of requests under ``policy`` (or empty)."""
    write(
        approval_request,
        (
            _asking(approval_request, channel, now, **at(channel, place))
            for channel in channels
            for place in channel.places_of(namespace=approval_request.namespace, policy=policy)
            if NotificationEvent.OPENED in place.events
        ),
    )


def at(channel: Channel, place: Place) -> dict[str, str]:
    """Return what a row has of a place in the place of a person."""
    recipient = f"{channel.name}:{place.address}"
    return {"place": place.address, "recipient": recipient, "display_name": place.label}


def write(approval_request: ApprovalRequest, rows: Iterable[Notification]) -> None:
    # An opening that is tried again, or an approval after one was taken back, finds its rows here.
    if Notification.objects.bulk_create(rows, ignore_conflicts=True):
        kind = LiveKind.NOTIFICATION_DUE
        bus.publish(Event(kind, approval_request.pk, approval_request.chain, namespace=approval_request.namespace))


def _asking(approval_request: ApprovalRequest, channel: Channel, now: datetime, **whom: Any) -> Notification:
    return Notification(
        approval_request=approval_request,
        channel=channel.name,
        event=NotificationEvent.OPENED,
        urgency=approval_request.urgency or 0,
        created_at=now,
        due_at=now,
        **whom,
    )
