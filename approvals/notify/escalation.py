"""Telling one step of a request's ladder after the other, each once, until the request is over.

Who is on call gives nobody a right: only who can decide is told, and whoever is skipped is written down. A step that
reaches nobody passes on at once; after the last, everybody who can decide is told, and the places.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Person
from approvals.absence.queries import Call, calls
from approvals.absence.wording import stands_in, told_as, why_away
from approvals.claims.queries import live_claims
from approvals.contracts import RequestState
from approvals.errors import ApprovalError
from approvals.models import ApprovalRequest, Escalation, EscalationMove, Notification
from approvals.notify.asking import ask, ask_places
from approvals.notify.audience import audience
from approvals.notify.channels import set_up
from approvals.notify.contracts import NotificationEvent
from approvals.notify.everybody import Asked, ask_everybody
from approvals.on_call.ladders import Step, ladder_of

logger = logging.getLogger(__name__)

# While somebody who can decide says that they work on it, others sleep; not for ever.
LONGEST_PAUSE = timedelta(minutes=15)
# A claim that is given back is noticed within this time.
LOOKS_AGAIN_AFTER = timedelta(seconds=30)
EVERYBODY = "Everybody who can decide"


def begin(*, approval_request: ApprovalRequest, policy: str, now: datetime) -> bool:
    """Tell the first step of the ladder of ``policy``, in the transaction that opens. Return False without a ladder."""
    ladder = ladder_of(policy)
    if not ladder:
        return False
    values = {"policy": policy, "due_at": now}
    row, is_new = Escalation.objects.get_or_create(approval_request=approval_request, defaults=values)
    if is_new:
        _climb(row, approval_request, ladder, audience(approval_request), now)
    return True


def note_everybody(*, approval_request: ApprovalRequest, asked: Asked, now: datetime) -> None:
    """Write down who was asked and who was not, of a request without a ladder. Harmless to repeat."""
    values = {"label": EVERYBODY, "at": now, "told": asked.told, "skipped": asked.skipped}
    EscalationMove.objects.get_or_create(approval_request=approval_request, step=0, defaults=values)


def end(*, approval_request: ApprovalRequest) -> None:
    """Tell no further step: the request, which is locked, is over."""
    Escalation.objects.filter(approval_request=approval_request).update(due_at=None)


def move_on(*, now: datetime, limit: int) -> int:
    """Move at most ``limit`` requests on whose next step is due; return how many. Several notifiers may call it."""
    if not set_up():
        return 0  # what nobody can hear is not told
    waiting = {"approval_request__state": RequestState.OPEN, "approval_request__expires_at__gt": now}
    due = Escalation.objects.filter(due_at__lte=now, **waiting).order_by("due_at", "pk")
    return sum(_move_on(request_id, now) for request_id in list(due.values_list("pk", flat=True)[:limit]))


@transaction.atomic
def _move_on(request_id: str, now: datetime) -> bool:
    waiting = ApprovalRequest.objects.filter(pk=request_id, state=RequestState.OPEN, expires_at__gt=now)
    approval_request = waiting.select_for_update(of=("self",)).first()
    row = Escalation.objects.filter(pk=request_id, due_at__lte=now).first()
    if approval_request is None or row is None:
        return False  # it is over, or another notifier was faster
    try:
        able = audience(approval_request)
    except ApprovalError as error:
        logger.warning("Request %s tells nobody further: it cannot be read. %s", request_id, error.sentence)
        end(approval_request=approval_request)
        return False
    if _is_paused(row, able, now):
        return False
    _climb(row, approval_request, ladder_of(row.policy), able, now)
    return True


def _is_paused(row: Escalation, able: list[Person], now: datetime) -> bool:
    """Return whether somebody who can decide works on it, and for how long is noted in ``row``."""
    claim = live_claims(now).filter(approval_request=row.pk, person__in=able).first()
    if claim is None:
        return False
    row.paused_until = row.paused_until or now + LONGEST_PAUSE
    if row.paused_until <= now:
        return False
    row.due_at = min(claim.until, row.paused_until, now + LOOKS_AGAIN_AFTER)
    row.save(update_fields=["due_at", "paused_until"])
    return True


def _climb(
    row: Escalation, approval_request: ApprovalRequest, ladder: list[Step], able: list[Person], now: datetime
) -> None:
    """Tell the next step that reaches anybody."""
    row.due_at = None
    while row.step < len(ladder):
        step = ladder[row.step]
        if _tell(row, approval_request, step, able, now):
            row.due_at = now + step.waits(approval_request.expires_at - now)
            row.step += 1
            break
        row.step += 1
    else:
        _tell_everybody(row, approval_request, able, now)
    row.save(update_fields=["step", "due_at"])


def _tell(
    row: Escalation, approval_request: ApprovalRequest, step: Step, able: list[Person], now: datetime
) -> list[Person]:
    found = calls(step.people_at(now), now)
    asked = Notification.objects.filter(approval_request=row.pk, event=NotificationEvent.OPENED)
    before = set(asked.values_list("person_id", flat=True))
    # Nobody is asked twice: a step of those who were would only lose time.
    fresh = {call.told.pk: call.told for call in found if call.told in able and call.told.pk not in before}
    reached = ask(approval_request, set_up(), list(fresh.values()), now)
    skipped = [line for call in found for line in _skipped(call, reached, able, before)]
    _note(row, step.label, [told_as(call) for call in _first_of_each(found, reached)], skipped, now)
    return reached


def _first_of_each(found: list[Call], reached: list[Person]) -> list[Call]:
    """Return one call for each of ``reached``: their own, if they were called themselves."""
    own_last = sorted(found, key=lambda call: not call.passed)
    return list({call.told: call for call in own_last if call.told in reached}.values())


def _skipped(call: Call, reached: list[Person], able: list[Person], before: set[int]) -> list[list[str]]:
    """Return [name, why] of all on the way who are not told."""
    lines = [[str(one.person), why_away(one)] for one in call.passed]
    if call.told is None or call.told in reached:
        return lines
    why = "was told before" if call.told.pk in before else _why(call.told, able)
    return [*lines, [str(call.told), f"{stands_in(call)}, and {why}" if call.passed else why]]


def _tell_everybody(row: Escalation, approval_request: ApprovalRequest, able: list[Person], now: datetime) -> None:
    channels = set_up()
    asked = ask_everybody(approval_request, channels, able, now)
    ask_places(approval_request, channels, row.policy, now)
    _note(row, EVERYBODY, asked.told, asked.skipped, now)


def _note(row: Escalation, label: str, told: list[str], skipped: list[list[str]], now: datetime) -> None:
    EscalationMove.objects.create(
        approval_request_id=row.pk, step=row.step, label=label, at=now, told=told, skipped=skipped
    )


def _why(person: Person, able: list[Person]) -> str:
    if not person.is_active:
        return "is not here any more"
    return "is reached by no channel" if person in able else "cannot decide this request"
