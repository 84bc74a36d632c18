"""Somebody says that they are away, and is back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.absence.contracts import FURTHEST, PER_PERSON, Away
from approvals.absence.errors import AbsenceRefused
from approvals.absence.queries import absences, own, stand_ins_of, standing
from approvals.absence.standing_in import closes_a_loop
from approvals.models import Absence


@transaction.atomic
def note(
    *, person: Person, stand_in: Person | None, begins: datetime, ends: datetime, time_zone: str, by: Person
) -> Absence:
    """Note that ``person`` is away from ``begins``, now at the earliest, to before ``ends``.

    Raises ``AbsenceRefused``.
    """
    # What one person notes in two places at once comes one after the other.
    Person.objects.select_for_update().get(pk=person.pk)
    now = timezone.now()
    begins = max(begins, now)
    _check_times(person, begins, ends, now)
    if stand_in is not None:
        _check_stand_in(person, stand_in, begins, ends)
    made = Absence.objects.create(
        person=person,
        stand_in=stand_in,
        begins=begins,
        ends=ends,
        time_zone=time_zone,
        made_by=by.external_id,
        made_at=now,
    )
    # Those furthest back are let go: what they changed stands with the requests.
    kept = own(person).values_list("pk", flat=True)
    Absence.objects.filter(person=person).exclude(pk__in=list(kept)).delete()
    return made


@transaction.atomic
def end(*, absence: Absence, by: Person) -> bool:
    """Let somebody be back from now on, or not go at all; return False if the absence is over already."""
    now = timezone.now()
    values = {"ended_at": now, "ended_by": by.external_id}
    return bool(standing(now).filter(pk=absence.pk).update(**values))


def _check_times(person: Person, begins: datetime, ends: datetime, now: datetime) -> None:
    if ends <= begins:
        raise AbsenceRefused("Give a time that is later than its beginning, and not over yet.", field="ends")
    if ends > now + FURTHEST:
        raise AbsenceRefused("Give a time within a year from now.", field="ends")
    to_come = standing(now).filter(person=person)
    if to_come.filter(begins__lt=ends, ends__gt=begins).exists():
        raise AbsenceRefused(
            "There is an absence in this time already. End that first, or give another time.", field="begins"
        )
    if to_come.count() >= PER_PERSON:
        raise AbsenceRefused(f"{PER_PERSON} absences are still to come. End one that is not needed.", field="begins")


def _check_stand_in(person: Person, stand_in: Person, begins: datetime, ends: datetime) -> None:
    if stand_in == person:
        raise AbsenceRefused("Nobody stands in for themself. Choose somebody else, or nobody.", field="stand_in")
    if not stand_ins_of(person).filter(pk=stand_in.pk).exists():
        raise AbsenceRefused(
            f"{stand_in} approves nowhere where {person} does. Choose somebody else, or nobody.", field="stand_in"
        )
    new = Away(person.pk, stand_in.pk, begins, ends)
    if closes_a_loop(new, absences(begins, ends)):
        raise AbsenceRefused(
            f"In this time {stand_in} is away too, and {person} would stand in for themself in the end. "
            "Choose somebody else, or nobody.",
            field="stand_in",
        )
