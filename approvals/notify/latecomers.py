"""Asking those who have become able to decide since: a key was endorsed, a role granted, an absence is over.

What made somebody able is not asked: every open request is looked at again, some at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.endorsements.queries import endorsed_keys
from accounts.models import Person
from approvals.absence.queries import calls
from approvals.contracts import RequestState
from approvals.errors import ApprovalError
from approvals.models import ApprovalRequest, Escalation, Notification, RequiredApprover
from approvals.notify.asking import ask, reached_by
from approvals.notify.audience import audience
from approvals.notify.channels import Channel, set_up
from approvals.notify.contracts import NotificationEvent, NotificationState
from approvals.notify.notices import COLUMNS
from approvals.notify.services import ASKED

logger = logging.getLogger(__name__)


class Latecomers:
    """Goes through the open requests again and again."""

    def __init__(self) -> None:
        self._after = ""

    def look(self, *, limit: int) -> int:
        """Ask whoever was not asked yet at the next ``limit`` requests; return at how many somebody was."""
        channels = [channel for channel in set_up() if not channel.tells_all]
        if not channels:
            return 0
        rows = list(_open().only(*COLUMNS).filter(pk__gt=self._after).order_by("pk")[:limit])
        self._after = rows[-1].pk if len(rows) == limit else ""
        late = _perhaps_late(rows)
        people = {person.pk: person for found in late.values() for person in found}
        if not people:
            return 0
        here = [call.called for call in calls(people.values(), timezone.now()) if not call.passed]
        reached = {person.pk for person, _ in reached_by(channels, here)}
        # Who is away, reached by nothing, or barred is late each time: they lock nothing.
        missing = [row.pk for row in rows if any(one.pk in reached and one in _able(row) for one in late[row.pk])]
        return sum(_ask(request_id, channels) for request_id in missing)


def _perhaps_late(rows: Sequence[ApprovalRequest]) -> dict[str, set[Person]]:
    """Return whose keys each of ``rows`` asks for, and who was not asked. Whether they can decide is another matter.

    To read a hundred warrants takes a third of a second of a processor; these are three queries.
    """
    required = RequiredApprover.objects.filter(approval_request__in=rows).values_list("approval_request", "public_key")
    keys = endorsed_keys().filter(public_key__in={bytes(key) for _, key in required})
    holders = {bytes(key.public_key): key.person for key in keys}
    asked = set(_asked().filter(approval_request__in=rows).values_list("approval_request", "person"))
    late: dict[str, set[Person]] = {row.pk: set() for row in rows}
    for request_id, key in required:
        person = holders.get(bytes(key))
        if person is not None and (request_id, person.pk) not in asked:
            late[request_id].add(person)
    return late


def _open() -> QuerySet[ApprovalRequest]:
    # While a ladder tells one after the other, it knows whose turn it is; at its end everybody is told.
    climbing = Escalation.objects.filter(approval_request=OuterRef("pk"), due_at__isnull=False)
    waiting = ApprovalRequest.objects.filter(state=RequestState.OPEN, expires_at__gt=timezone.now())
    return waiting.filter(~Exists(climbing))


def _asked() -> QuerySet[Notification]:
    """Return what asks somebody, or may have. What was dropped unsent, because they could not decide then, does not."""
    return Notification.objects.filter(
        ASKED | ~Q(state=NotificationState.DROPPED), event=NotificationEvent.OPENED, person__isnull=False
    )


def _able(row: ApprovalRequest) -> list[Person]:
    try:
        return audience(row)
    except ApprovalError as error:
        logger.warning("Request %s asks nobody further: it cannot be read. %s", row.pk, error.sentence)
        return []


@transaction.atomic
def _ask(request_id: str, channels: list[Channel]) -> bool:
    approval_request = _open().filter(pk=request_id).select_for_update(of=("self",)).first()
    if approval_request is None:
        return False  # it is over, or its ladder goes on
    now = timezone.now()
    asked = set(_asked().filter(approval_request=request_id).values_list("person", flat=True))
    late = [call.called for call in calls(_able(approval_request), now) if not call.passed]
    late = [person for person in late if person.pk not in asked]
    dropped = Notification.objects.filter(approval_request=request_id, event=NotificationEvent.OPENED)
    dropped = dropped.filter(state=NotificationState.DROPPED, person__in=late)
    dropped.update(state=NotificationState.WAITING, due_at=now, ended_at=None)
    return bool(ask(approval_request, channels, late, now))
