"""Writing down who is to be told, in the transaction of what it tells of. The notifier sends; nothing here does.

Where no channel is set up nothing is written and nothing is asked of the database.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Decision, Notification, NotificationAttempt
from approvals.notify import escalation
from approvals.notify.asking import ask_places, at, write
from approvals.notify.audience import audience
from approvals.notify.channels import TELLING_ALL, set_up
from approvals.notify.contracts import NotificationEvent, NotificationState, Result
from approvals.notify.everybody import ask_everybody
from approvals.requests.chain import parse
from approvals.requests.steps import steps_of

# What runs within this time is told as that, and not as approved before.
SETTLES_WITHIN = timedelta(seconds=10)


def opened(*, approval_request: ApprovalRequest) -> None:
    """Tell the first step of the request's ladder; without one, everybody who can decide and is here, and places.

    Programs are told in any case.
    """
    channels = set_up()
    if not channels:
        return
    now, policy = approval_request.opened_at, parse(approval_request.warrant_chain).terms.policy
    ask_places(approval_request, [channel for channel in channels if channel.tells_all], policy, now)
    if escalation.begin(approval_request=approval_request, policy=policy, now=now):
        return
    asked = ask_everybody(approval_request, channels, audience(approval_request), now)
    if asked.some_are_away:
        escalation.note_everybody(approval_request=approval_request, asked=asked, now=now)
    ask_places(approval_request, [channel for channel in channels if not channel.tells_all], policy, now)


def progressed(*, approval_request: ApprovalRequest, by: str) -> None:
    """Tell those who were asked that somebody (``by``, an external id) has decided, and that it waits for more."""
    changed(approval_request=approval_request, event=NotificationEvent.PROGRESS, but=by)


def waits_again(*, approval_request: ApprovalRequest, by: str = "") -> None:
    """Tell those who were asked that an approval no longer counts; ``by``: who took it back, or decides anew."""
    changed(approval_request=approval_request, event=NotificationEvent.WAITING_AGAIN, but=by)


def changed(*, approval_request: ApprovalRequest, event: NotificationEvent, but: str = "") -> None:
    """Tell those who were asked, or may have been, of ``event``; what was to be told before is dropped.

    Programs that are told everything are told, whatever they were told before. The request is locked. Who was to be
    asked and is asked no more is told nothing. ``but``: an external id, told only where what they read before is
    changed.
    """
    channels = {channel.name: channel for channel in set_up()}
    if not channels:
        return
    now, step = timezone.now(), _step(approval_request, event)
    if event.ends_waiting:
        own = Notification.objects.filter(approval_request=approval_request, state=NotificationState.WAITING)
        own.exclude(channel__in=TELLING_ALL).update(state=NotificationState.DROPPED, ended_at=now)
        escalation.end(approval_request=approval_request)
    asked = Notification.objects.filter(
        ASKED,
        approval_request=approval_request,
        event=NotificationEvent.OPENED,
        channel__in=channels.keys() - TELLING_ALL,
    )
    waits = SETTLES_WITHIN if event is NotificationEvent.APPROVED else timedelta(0)
    heard = [
        Notification(
            approval_request=approval_request,
            channel=first.channel,
            event=event,
            step=step,
            person_id=first.person_id,
            recipient=first.recipient,
            display_name=first.display_name,
            place=first.place,
            urgency=first.urgency,
            created_at=now,
            due_at=now + waits,
        )
        for first in asked
        if first.recipient != but or channels[first.channel].edits
    ]
    programs = [
        Notification(
            approval_request=approval_request,
            channel=channel.name,
            event=event,
            step=step,
            urgency=approval_request.urgency or 0,
            created_at=now,
            due_at=now,
            **at(channel, place),
        )
        for channel in channels.values()
        if channel.tells_all
        for place in channel.places_of(namespace=approval_request.namespace, policy="")
        if event in place.events
    ]
    write(approval_request, [*heard, *programs])


def _step(approval_request: ApprovalRequest, event: NotificationEvent) -> int:
    """Return a number that tells this event from others of its kind: it grows with each, and never goes back."""
    decisions = Decision.objects.filter(approval_request=approval_request)
    if event is NotificationEvent.PROGRESS:
        return decisions.count()
    return decisions.filter(lapsed=True).count() if event is NotificationEvent.WAITING_AGAIN else 0


# Somebody was asked if the message left, or may have: its sender was killed, or heard no answer.
ASKED = Q(state__in=[NotificationState.SENDING, NotificationState.SENT]) | Exists(
    NotificationAttempt.objects.filter(notification=OuterRef("pk"), result__in=["", Result.SENT, Result.UNANSWERED])
)


def note_stuck(*, limit: int) -> int:
    """Tell of at most ``limit`` approved requests that do not move; return how many."""
    if not set_up():
        return 0
    own = Notification.objects.filter(approval_request=OuterRef("pk"))
    found = ApprovalRequest.objects.filter(
        Exists(own.filter(event=NotificationEvent.OPENED)),
        ~Exists(own.filter(event=NotificationEvent.STUCK)),
        state=RequestState.APPROVED,
        urgency__isnull=False,
    )
    stuck = [row.pk for row in found.select_related("delivery").order_by("pk")[:limit] if _is_stuck(row)]
    return sum(_tell_stuck(request_id) for request_id in stuck)


@transaction.atomic
def _tell_stuck(request_id: str) -> bool:
    own = ApprovalRequest.objects.select_for_update(of=("self",)).filter(pk=request_id, state=RequestState.APPROVED)
    locked = own.select_related("delivery").first()
    if locked is None or not _is_stuck(locked):
        return False  # it has moved while this one waited for its lock
    changed(approval_request=locked, event=NotificationEvent.STUCK)
    return True


def _is_stuck(approval_request: ApprovalRequest) -> bool:
    # Who signed tells of the first step only, and that is done.
    steps = steps_of(approval_request, [], timezone.now(), shows_content=False)
    return any(step.state == "stuck" for step in steps)
