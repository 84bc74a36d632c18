"""Single use: one approval lets one dispatch run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from approvals.contracts import ApprovalUse
from approvals.models import SpentNonce

_COLUMNS = ("approver_key", "nonce", "owner")
_LATEST = 2**37  # seconds: beyond the year 6000, still a date that databases store


def consume(uses: Sequence[ApprovalUse], *, owner: str) -> bool:
    """Spend all of ``uses`` for ``owner``, the dispatch, or none. Of two at once that share one, exactly one wins.

    Returns True if this is the first use of each, or the same owner's again (a retry); False if another owner spent
    one of them.
    """
    now = timezone.now()
    # Two that share several wait for each other in this order, and so never for ever.
    spent = [_spent(use, owner, now) for use in sorted(uses)]
    with transaction.atomic():
        SpentNonce.objects.bulk_create(spent, ignore_conflicts=True)
        if _owners(uses) == {owner}:
            return True
        transaction.set_rollback(True)
    return False


def _spent(use: ApprovalUse, owner: str, now: datetime) -> SpentNonce:
    return SpentNonce(
        approver_key=use.approver_key,
        nonce=use.nonce,
        owner=owner,
        expires_at=datetime.fromtimestamp(min(use.expires_at, _LATEST), UTC),
        spent_at=now,
    )


def _owners(uses: Sequence[ApprovalUse]) -> set[str]:
    """Return whose ``uses`` are, all of which are spent."""
    keys, nonces = [use.approver_key for use in uses], [use.nonce for use in uses]
    rows = SpentNonce.objects.filter(approver_key__in=keys, nonce__in=nonces)
    owners = {(bytes(key), bytes(nonce)): owner for key, nonce, owner in rows.values_list(*_COLUMNS)}
    return {owners[use.approver_key, use.nonce] for use in uses}
