"""What the notifier takes and brings back. A notification is claimed by one notifier, under a lease.

An attempt is written before it is made: whoever is killed in it leaves a mark that the message may have arrived. The
next notifier sends again when the lease is over, once.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from approvals.contracts import RequestState
from approvals.errors import ApprovalError
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest, MutedChannel, Notification, NotificationAttempt, QuietHours
from approvals.notify import trouble
from approvals.notify.audience import audience
from approvals.notify.channels import CHANNELS, TELLING_ALL
from approvals.notify.contracts import (
    Answer,
    Job,
    NotificationEvent,
    NotificationState,
    Result,
)
from approvals.notify.due import due
from approvals.notify.notices import COLUMNS, notice_of
from approvals.notify.quiet import quiet_until
from approvals.notify.services import ASKED
from approvals.notify.trouble import MAXIMUM_ANSWER
from approvals.texts import storable

LEASE_SECONDS = 60
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
LONGEST_ASKED_PAUSE_SECONDS = 3600.0
GIVES_UP_AFTER = timedelta(hours=6)
# Looked at in one transaction, if they are not needed or have to wait.
LOOKED_AT = 50
_MOST_URGENT = 0
_ENDING = [event.value for event in NotificationEvent if event.ends_waiting]
# How it stands now takes the place of how it stood.
_NEWS = [*_ENDING, NotificationEvent.PROGRESS.value, NotificationEvent.WAITING_AGAIN.value]


def claim(*, channel: str, lease_seconds: float = LEASE_SECONDS) -> Job | None:
    """Return the most urgent due notification of ``channel`` that nobody else has, for ``lease_seconds``.

    What is not needed any more is dropped on the way, and what its person's quiet hours hold back waits on.
    """
    now = timezone.now()
    while True:
        with transaction.atomic():
            for _ in range(LOOKED_AT):
                found = _next(channel, now)
                if found is None:
                    return None
                job = _job(found, now, lease_seconds)
                if job is not None:
                    return job


def answered(*, job: Job, answer: Answer) -> None:
    """Record what an attempt came to. Harmless to repeat; what was sent is sent, whoever has taken over since."""
    now = timezone.now()
    with transaction.atomic():
        row = Notification.objects.select_for_update().filter(pk=job.id).first()
        if row is None:
            return
        NotificationAttempt.objects.filter(notification=row, number=job.attempt, result="").update(
            result=answer.result, answer=storable(answer.text, MAXIMUM_ANSWER), ended_at=now
        )
        trouble.heard(row=row, answer=answer, now=now)
        if answer.remote_id:
            Notification.objects.filter(pk=row.pk).update(remote_id=answer.remote_id)
        if answer.result is Result.SENT:
            _settle(row, NotificationState.SENT, now)
        elif row.attempts == job.attempt and row.state == NotificationState.SENDING:
            _after_failure(row, answer, now)
        namespace = ApprovalRequest.objects.values_list("namespace", flat=True).get(pk=row.approval_request_id)
        # Without its chain: nothing of the incident has changed.
        bus.publish(Event(LiveKind.NOTIFIED, row.approval_request_id, namespace=namespace))


def _next(channel: str, now: datetime) -> Notification | None:
    found = due(now).filter(channel=channel).order_by("urgency", "due_at", "pk")
    if connection.features.has_select_for_update_skip_locked:
        found = found.select_for_update(skip_locked=True, of=("self",))
    return found.select_related("person").first()


def _job(row: Notification, now: datetime, lease_seconds: float) -> Job | None:
    try:
        return _judge(row, now, lease_seconds)
    except ApprovalError as error:
        # What is stored of the request was changed. Others are told all the same.
        NotificationAttempt.objects.create(
            notification=row,
            number=row.attempts + 1,
            begun_at=now,
            ended_at=now,
            result=Result.PERMANENT,
            answer=storable(f"The request cannot be read. {error.sentence}", MAXIMUM_ANSWER),
        )
        row.attempts += 1
        row.save(update_fields=["attempts"])
        _settle(row, NotificationState.FAILED, now)
        return None


def _judge(row: Notification, now: datetime, lease_seconds: float) -> Job | None:
    """Return the job that ``row``, which is locked, has become; or drop it or let it wait."""
    # Who was told, and how, is looked at anew for each: minutes may lie between.
    request = ApprovalRequest.objects.only(*COLUMNS).get(pk=row.approval_request_id)
    able = audience(request) if request.state == RequestState.OPEN and request.expires_at > now else []
    address = _address(row)
    if not address or not _is_needed(row, request, [person.external_id for person in able]):
        _settle(row, NotificationState.DROPPED, now)
        return None
    quiet = _quiet_until(row, now)
    if quiet is not None:
        row.state, row.due_at = NotificationState.WAITING, quiet
        row.save(update_fields=["state", "due_at"])
        return None
    row.state, row.due_at = NotificationState.SENDING, now + timedelta(seconds=lease_seconds)
    row.attempts += 1
    row.save(update_fields=["state", "due_at", "attempts"])
    NotificationAttempt.objects.create(notification=row, number=row.attempts, address=address, begun_at=now)
    names = tuple(person.display_name for person in able)
    notice = notice_of(request, NotificationEvent(row.event), names)
    first, known = _first(row).pk, _remote_id(row)
    return Job(row.pk, first, row.attempts, row.channel, row.recipient, address, notice, known, row.person_id)


def _is_needed(row: Notification, request: ApprovalRequest, able: list[str]) -> bool:
    if row.channel in TELLING_ALL:
        return True
    event = NotificationEvent(row.event)
    if event is NotificationEvent.OPENED and row.place:
        return request.state == RequestState.OPEN and request.expires_at > timezone.now()
    if event is NotificationEvent.OPENED:
        return row.recipient in able
    if event.is_while_open and request.state != RequestState.OPEN:
        return False
    if event is NotificationEvent.STUCK and request.state != RequestState.APPROVED:
        return False
    newer = _of_the_same(row).filter(pk__gt=row.pk, event__in=_NEWS if event.is_while_open else _ENDING)
    return not newer.exists() and _of_the_same(row).filter(ASKED, event=NotificationEvent.OPENED).exists()


def _of_the_same(row: Notification) -> QuerySet[Notification]:
    return Notification.objects.filter(
        approval_request=row.approval_request_id, channel=row.channel, recipient=row.recipient
    )


def _first(row: Notification) -> Notification:
    return _of_the_same(row).order_by("pk").first() or row


def _remote_id(row: Notification) -> str:
    newest = _of_the_same(row).exclude(remote_id="").order_by("-pk").values_list("remote_id", flat=True).first()
    return newest or ""


def _address(row: Notification) -> str:
    """Return where to send it; nothing if its person has left, or wants to hear nothing over this channel."""
    if row.place:
        return row.place
    person = row.person
    if person is None or not person.is_active:
        return ""
    if MutedChannel.objects.filter(person=person, channel=row.channel).exists():
        return ""
    return CHANNELS[row.channel].address_of(person)


def _quiet_until(row: Notification, now: datetime) -> datetime | None:
    if row.urgency == _MOST_URGENT:
        return None
    hours = QuietHours.objects.filter(person=row.person_id).first()
    return quiet_until(now, hours.begins, hours.ends, hours.time_zone) if hours else None


def _after_failure(row: Notification, answer: Answer, now: datetime) -> None:
    if answer.result is Result.PERMANENT or now > row.created_at + GIVES_UP_AFTER:
        _settle(row, NotificationState.FAILED, now)
        return
    asked = min(answer.retry_after, LONGEST_ASKED_PAUSE_SECONDS)
    row.state = NotificationState.WAITING
    row.due_at = now + timedelta(seconds=max(asked, pause(row.attempts)))
    row.save(update_fields=["state", "due_at"])


def _settle(row: Notification, state: NotificationState, now: datetime) -> None:
    row.state, row.ended_at = state, now
    row.save(update_fields=["state", "ended_at"])


def pause(attempts: int, *, longest: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return seconds to wait after so many failures: doubling, with jitter so that a herd disperses."""
    doubled = FIRST_PAUSE_SECONDS * 2 ** min(max(attempts - 1, 0), 16)
    return min(doubled, longest) * random.uniform(0.5, 1.0)
