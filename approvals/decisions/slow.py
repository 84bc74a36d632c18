"""Slow thinking where a policy asks for it: time to read, a name to type, and not too many approvals in an hour.

Only approving asks for it: saying no must always be easy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from accounts.models import Person
from approvals.contracts import DecisionKind
from approvals.errors import NotConfirmed, ReadFirst, TooManyApprovals
from approvals.looking.queries import opened_at
from approvals.models import ApprovalRequest, Decision

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SlowTerms:
    """What a person has to do, or wait for, before they approve a request. None and empty: not asked for."""

    reading_seconds: int | None
    opened_at: datetime | None  # when this person first opened the page
    reading_ends_at: datetime | None
    confirm: str  # what has to be typed
    approvals_per_hour: int | None
    next_approval_at: datetime | None  # if they have approved that many in the last hour


def terms(*, person: Person, approval_request: ApprovalRequest, now: datetime) -> SlowTerms | None:
    """Return what is asked of ``person``, or None if the policy asks for nothing."""
    seconds, most = approval_request.reading_seconds, approval_request.approvals_per_hour
    if seconds is None and most is None and not approval_request.confirm_text:
        return None
    opened = None if seconds is None else opened_at(person=person, request_id=approval_request.pk)
    return SlowTerms(
        reading_seconds=seconds,
        opened_at=opened,
        reading_ends_at=opened + timedelta(seconds=seconds) if opened and seconds else None,
        confirm=approval_request.confirm_text,
        approvals_per_hour=most,
        next_approval_at=None if most is None else _next_approval_at(person, approval_request, most, now),
    )


def require_slow_thinking(
    person: Person, approval_request: ApprovalRequest, kind: DecisionKind, confirmation: str, now: datetime
) -> None:
    """10. The person had time to read, has typed what they approve, and has not approved too much of late.

    Raises ``ReadFirst``, ``NotConfirmed`` or ``TooManyApprovals``. Call under the request's lock.
    """
    if kind is not DecisionKind.APPROVE:
        return
    _require_reading(person, approval_request, now)
    if approval_request.confirm_text and confirmation.strip() != approval_request.confirm_text.strip():
        raise NotConfirmed
    _require_rest(person, approval_request, now)


def _require_reading(person: Person, approval_request: ApprovalRequest, now: datetime) -> None:
    seconds = approval_request.reading_seconds
    if seconds is None:
        return
    opened = opened_at(person=person, request_id=approval_request.pk)
    left = seconds if opened is None else seconds - (now - opened).total_seconds()
    if left > 0:
        raise ReadFirst(seconds=seconds, left=math.ceil(left), is_open=opened is not None)


def _require_rest(person: Person, approval_request: ApprovalRequest, now: datetime) -> None:
    most = approval_request.approvals_per_hour
    if most is None:
        return
    # Two requests have two locks: one person's approvals of both are counted one after the other.
    Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    next_at = _next_approval_at(person, approval_request, most, now)
    if next_at is not None:
        raise TooManyApprovals(most=most, next_at=next_at)


def _next_approval_at(person: Person, approval_request: ApprovalRequest, most: int, now: datetime) -> datetime | None:
    """Return when ``person`` may approve again, or None for now. Everywhere: a person has one attention."""
    recent = Decision.objects.filter(person=person, kind=DecisionKind.APPROVE, decided_at__gt=now - HOUR)
    others = recent.exclude(approval_request=approval_request).values("approval_request")
    newest = others.annotate(at=Max("decided_at")).order_by("-at").values_list("at", flat=True)
    last_counted = list(newest[most - 1 : most])
    return last_counted[0] + HOUR if last_counted else None
