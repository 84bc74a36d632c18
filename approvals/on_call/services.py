"""People say who is on call, who steps in, and whom a policy's requests are told first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.models import LadderStep, OnCallMember, OnCallOverride, OnCallRotation


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step as somebody wrote it: of a rotation, or of ``people``; waits one of two ways."""

    rotation: OnCallRotation | None
    people: Sequence[Person]
    wait_minutes: int | None
    wait_percent: int | None


@transaction.atomic
def save_rotation(*, rotation: OnCallRotation, people: Sequence[Person], by: Person) -> OnCallRotation:
    """Keep ``rotation``, which may be new, with ``people`` in their order.

    Raises ``IntegrityError`` if another has its name.
    """
    rotation.changed_by, rotation.changed_at = by.external_id, timezone.now()
    # Its row is locked from here on: two who save at once come one after the other.
    rotation.save()
    OnCallMember.objects.filter(rotation=rotation).delete()
    OnCallMember.objects.bulk_create(
        OnCallMember(rotation=rotation, person=person, position=position) for position, person in enumerate(people)
    )
    return rotation


def step_in(
    *, rotation: OnCallRotation, person: Person, begins: datetime, ends: datetime, by: Person
) -> OnCallOverride:
    """Let ``person`` be on call from ``begins`` to before ``ends``, whoever else would be."""
    return OnCallOverride.objects.create(
        rotation=rotation, person=person, begins=begins, ends=ends, made_by=by.external_id, made_at=timezone.now()
    )


@transaction.atomic
def save_ladder(*, policy: str, steps: Sequence[NewStep], by: Person) -> None:
    """Let requests under ``policy`` (empty: all without an own ladder) be told by ``steps``; without any, by none.

    Raises ``IntegrityError`` if somebody else saves the same one at this moment.
    """
    LadderStep.objects.filter(policy=policy).delete()
    for position, step in enumerate(steps):
        row = LadderStep.objects.create(
            policy=policy,
            position=position,
            rotation=step.rotation,
            wait_minutes=step.wait_minutes,
            wait_percent=step.wait_percent,
            changed_by=by.external_id,
            changed_at=timezone.now(),
        )
        row.people.set(step.people)
