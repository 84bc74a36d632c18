"""What the next person must know when a shift is handed over. Read only; no content of any call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Person
from accounts.roles.queries import Reach
from approvals.absence.queries import absences
from approvals.claims.queries import claimers
from approvals.contracts import RequestState
from approvals.models import ApprovalRequest, Decision, Notification, OnCallRotation, Opening
from approvals.notify.channels import set_up
from approvals.notify.contracts import NotificationEvent
from approvals.on_call.contracts import LOOKED_BACK, Shift
from approvals.on_call.queries import SHOWN, ShiftLine, shift_lines, turns
from approvals.requests.queries import approvals_given, visible
from approvals.requests.steps import steps_of

LISTED = 100
# Wide, and sealed: nothing here shows them.
_CONTENT = (
    "arguments_cbor", "warrant_chain", "gate_message", "reasoning", "history", "outcome_detail", "result_text",
    "why_again", "target", "confirm_text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request that the outgoing person was asked to decide.

    ``tool``, ``agent`` and ``service`` may come from an agent. ``at``: when it runs out, or when it was over.
    """

    id: str
    tool: str
    agent: str
    service: str
    severity: str
    state: str  # RequestState; "expired" as soon as the time is over
    at: datetime
    approvals_given: int
    approvals_needed: int
    claimer: str  # who works on it, or empty
    is_stuck: bool
    is_over: bool
    is_unseen: bool  # it expired, and nobody had opened or decided it


@dataclass(frozen=True, slots=True)
class HandOver:
    """One shift of a rotation, in its time zone: whose, until when, who is next, and what there is to know.

    People are empty for nobody. ``requests`` wait now, or were over in the shift; ``is_cut`` if there are more.
    """

    person: str
    begins: datetime
    ends: datetime
    next_person: str
    requests: list[RequestLine]
    gaps: list[ShiftLine]
    is_cut: bool
    tells_people: bool  # outside the pages; else nobody is asked, and ``requests`` is empty

    @property
    def waiting(self) -> list[RequestLine]:
        return [line for line in self.requests if not line.is_over]

    @property
    def over(self) -> list[RequestLine]:
        return [line for line in self.requests if line.is_over and not line.is_unseen]

    @property
    def unseen(self) -> list[RequestLine]:
        return [line for line in self.requests if line.is_unseen]


def hand_over(
    row: OnCallRotation, *, of_the_last: bool, person: Person, within: Reach, now: datetime
) -> HandOver | None:
    """Return what ``person`` may see of the shift that is on now, or of the one before it.

    Of several who are on call at once it is their own, or else the one that began first. None if there is none yet, or
    this machine does not know the rotation's time zone.
    """
    since, until = now - LOOKED_BACK, now + SHOWN
    all_shifts = turns(row, absences(since, until), since, until)
    found = _by_who_is_told(all_shifts)
    shift = _shift_now(found, person, now)
    if shift is not None and of_the_last:
        shift = max((one for one in found if one.ends <= shift.begins), key=lambda one: one.ends, default=None)
    if shift is None:
        return None
    then = (one for one in found if one.begins <= shift.ends < one.ends)
    following = max(then, key=lambda one: one.begins, default=None)
    ahead = [replace(one, begins=max(one.begins, now)) for one in all_shifts if one.ends > now]
    zone = ZoneInfo(row.time_zone)
    people = Person.objects.in_bulk({one.told for one in (shift, following) if one and one.told is not None})
    rows = list(_asked_of(shift, row.namespace, person, within, now)[: LISTED + 1])
    return HandOver(
        person=_name(people, shift),
        begins=shift.begins.astimezone(zone),
        ends=shift.ends.astimezone(zone),
        next_person=_name(people, following),
        requests=[_line(one, zone, now) for one in rows[:LISTED]],
        gaps=[line for line in shift_lines(row, ahead) if line.why],
        is_cut=len(rows) > LISTED,
        tells_people=bool(set_up()),
    )


def _by_who_is_told(found: Iterable[Shift]) -> list[Shift]:
    """Return the shifts, several of one person in a row as one."""
    runs: list[Shift] = []
    last: dict[int | None, int] = {}  # where in ``runs`` somebody's last stands
    for shift in found:
        number = last.get(shift.told)
        if number is not None and runs[number].ends == shift.begins:
            runs[number] = replace(runs[number], ends=shift.ends)
        else:
            last[shift.told] = len(runs)
            runs.append(Shift(shift.told, shift.begins, shift.ends))
    return runs


def _shift_now(found: Iterable[Shift], person: Person, now: datetime) -> Shift | None:
    current = [shift for shift in found if shift.begins <= now < shift.ends]
    return next((shift for shift in current if shift.told == person.pk), current[0] if current else None)


def _name(people: dict[int, Person], shift: Shift | None) -> str:
    return str(people[shift.told]) if shift and shift.told in people else ""


def _asked_of(shift: Shift, namespace: str, person: Person, within: Reach, now: datetime) -> QuerySet[ApprovalRequest]:
    """Return what the person of ``shift`` was asked and waits, or was over in it: the most urgent first. One query.

    What could not be sent to them counts too: the next person must know that as well.
    """
    if shift.told is None:
        return ApprovalRequest.objects.none()  # and not what places were told, which are nobody too
    here = OuterRef("pk")
    asked = Notification.objects.filter(approval_request=here, event=NotificationEvent.OPENED, person=shift.told)
    found = visible(person, within).filter(
        Q(urgency__isnull=False) | Q(closed_at__gte=shift.begins, closed_at__lt=shift.ends), Exists(asked)
    )
    if namespace:
        found = found.filter(namespace=namespace)
    opened, decided = (kind.objects.filter(approval_request=here) for kind in (Opening, Decision))
    told = found.annotate(given=approvals_given(now), seen=Exists(opened) | Exists(decided), **claimers(now))
    # What is over has no urgency.
    order = (F("urgency").asc(nulls_last=True), "expires_at", "id")
    return told.select_related("delivery").defer(*_CONTENT).order_by(*order)


def _line(row: ApprovalRequest, zone: ZoneInfo, now: datetime) -> RequestLine:
    is_late = row.state == RequestState.OPEN and row.expires_at <= now
    state = RequestState.EXPIRED if is_late else RequestState(row.state)
    told: Any = row  # with what the query adds
    steps = steps_of(row, [], now, shows_content=False) if state is RequestState.APPROVED else []
    return RequestLine(
        id=row.pk,
        tool=row.tool,
        agent=row.agent,
        service=row.service,
        severity=row.severity,
        state=state,
        at=(row.closed_at or row.expires_at).astimezone(zone),
        approvals_given=told.given,
        approvals_needed=row.threshold,
        claimer=told.claimer if state is RequestState.OPEN else "",
        is_stuck=any(step.state == "stuck" for step in steps),
        is_over=state.is_final,
        is_unseen=state is RequestState.EXPIRED and not told.seen,
    )
