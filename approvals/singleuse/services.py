"""Single use: one approval lets one dispatch run."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.models import SpentNonce

_LATEST = 2**37  # seconds: beyond the year 6000, still a date that databases store


def consume(*, approver_key: bytes, nonce: bytes, owner: str, expires_at: int) -> bool:
    """Spend ``nonce`` of ``approver_key`` for ``owner``, the dispatch. Two at once: exactly one wins.

    Returns True if this is the first use or the same owner's again (a retry), False if another owner spent it.
    ``expires_at`` is in UTC seconds, as signed.
    """
    spent = SpentNonce(
        approver_key=approver_key,
        nonce=nonce,
        owner=owner,
        expires_at=datetime.fromtimestamp(min(expires_at, _LATEST), UTC),
        spent_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            spent.save(force_insert=True)
    except IntegrityError:
        spent_by = SpentNonce.objects.values_list("owner", flat=True)
        return spent_by.get(approver_key=approver_key, nonce=nonce) == owner
    return True
