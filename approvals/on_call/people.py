"""Who can be on call, and stand in. Read only."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Person
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import Reach
from approvals.models import OnCallRotation
from approvals.on_call.contracts import Override


def candidates(within: Reach) -> QuerySet[Person]:
    """Return the active approvers of these namespaces, and of all, by name."""
    grants = Q(role_grants__role=Role.APPROVER)
    if not within.everywhere:
        grants &= Q(role_grants__namespace__in=[EVERYWHERE, *within.namespaces])
    return Person.objects.filter(grants, is_active=True).distinct().order_by("display_name", "pk")


def overrides_of(row: OnCallRotation) -> tuple[Override, ...]:
    """Return who steps in in a rotation, in the order in which that was noted; what was ended ends then."""
    found = (Override(one.person_id, one.begins, one.ended_at or one.ends) for one in row.overrides.all())
    return tuple(one for one in found if one.begins < one.ends)
