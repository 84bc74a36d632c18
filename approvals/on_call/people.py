"""Who can be on call, and stand in. Read only."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Person
from accounts.roles.contracts import EVERYWHERE, Role
from accounts.roles.queries import Reach


def candidates(within: Reach) -> QuerySet[Person]:
    """Return the active approvers of these namespaces, and of all, by name."""
    grants = Q(role_grants__role=Role.APPROVER)
    if not within.everywhere:
        grants &= Q(role_grants__namespace__in=[EVERYWHERE, *within.namespaces])
    return Person.objects.filter(grants, is_active=True).distinct().order_by("display_name", "pk")
