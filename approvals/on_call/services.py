"""People say who is on call, who steps in, and whom a policy's requests are told first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.models import Person
from approvals.models import LadderStep, OnCallMember, OnCallOverride, OnCallRotation
from approvals.on_call.errors import RotationChanged, RotationInUse

logger = logging.getLogger(__name__)


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

    Raises ``IntegrityError`` if another has its name, ``RotationChanged`` if it was removed meanwhile.
    """
    if rotation.pk is not None:
        _lock(rotation)
    rotation.changed_by, rotation.changed_at = by.external_id, timezone.now()
    # Its row is locked from here on: two who save at once come one after the other.
    rotation.save()
    OnCallMember.objects.filter(rotation=rotation).delete()
    OnCallMember.objects.bulk_create(
        OnCallMember(rotation=rotation, person=person, position=position) for position, person in enumerate(people)
    )
    return rotation


@transaction.atomic
def remove_rotation(*, rotation: OnCallRotation, seen_at: str, by: Person) -> None:
    """Remove ``rotation``, as it was last changed at ``seen_at`` (ISO 8601), with its turns and whoever steps in.

    Raises ``RotationInUse`` if a ladder names it, ``RotationChanged`` if it is another by now.
    """
    kept = _lock(rotation)
    if kept.changed_at.isoformat() != seen_at:
        raise RotationChanged
    people = [member.person.external_id for member in kept.members.select_related("person")]
    try:
        # Whoever names it in a ladder at this moment has committed, or waits for this transaction and is refused.
        kept.delete()
    except ProtectedError as error:
        steps = [step for step in error.protected_objects if isinstance(step, LadderStep)]
        raise RotationInUse(sorted({step.policy for step in steps})) from None
    logger.info("The rotation %r of %s was removed by %s.", kept.name, people, by.external_id)


@transaction.atomic
def step_in(
    *, rotation: OnCallRotation, person: Person, begins: datetime, ends: datetime, by: Person
) -> OnCallOverride:
    """Let ``person`` be on call from ``begins`` to before ``ends``, whoever else would be.

    Raises ``RotationChanged`` if the rotation was removed meanwhile.
    """
    _lock(rotation)
    return OnCallOverride.objects.create(
        rotation=rotation, person=person, begins=begins, ends=ends, made_by=by.external_id, made_at=timezone.now()
    )


@transaction.atomic
def end_step_in(*, override: OnCallOverride, by: Person) -> bool:
    """Let the rotation go on as if nobody stepped in from now on; return False if that was so already."""
    now = timezone.now()
    standing = OnCallOverride.objects.filter(pk=override.pk, ended_at=None, ends__gt=now)
    return bool(standing.update(ended_at=now, ended_by=by.external_id))


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


def _lock(rotation: OnCallRotation) -> OnCallRotation:
    kept = OnCallRotation.objects.select_for_update().filter(pk=rotation.pk).first()
    if kept is None:
        raise RotationChanged
    return kept
