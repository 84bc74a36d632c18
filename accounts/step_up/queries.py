"""Reading step-ups."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import Person, StepUp
from accounts.step_up.contracts import session_mark


def unused(*, person: Person, purpose: str, session_key: str, max_age_seconds: int) -> StepUp | None:
    """Return the newest step-up that could be used for ``purpose`` now."""
    earliest = timezone.now() - timedelta(seconds=max_age_seconds)
    found = StepUp.objects.filter(
        person=person, purpose=purpose, session=session_mark(session_key), used_at=None, at__gte=earliest
    )
    # Without a session there is nothing that a step-up could belong to.
    return found.order_by("-at", "-pk").first() if session_key else None
