"""Reading decisions."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from approvals.models import Decision


def last_decided_at(public_key: bytes) -> datetime | None:
    """Return when the newest decision signed with this key of 32 bytes was recorded, or None if there is none."""
    newest: datetime | None = Decision.objects.filter(public_key=public_key).aggregate(at=Max("decided_at"))["at"]
    return newest
