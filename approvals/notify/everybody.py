"""Asking everybody who can decide a request, but for whoever is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Person
from approvals.absence.queries import calls
from approvals.absence.wording import why_away
from approvals.contracts import DecisionKind
from approvals.models import ApprovalRequest, Decision
from approvals.notify.asking import ask
from approvals.notify.channels import Channel


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked, by name, and [name, why] of who was not; and whether anybody of all is away."""

    told: list[str]
    skipped: list[list[str]]
    some_are_away: bool


def ask_everybody(
    approval_request: ApprovalRequest, channels: Sequence[Channel], able: Sequence[Person], now: datetime
) -> Asked:
    """Ask everybody of ``able`` who is here; who stands in for others and can decide is among them.

    If too few are reached to decide it, those who are away are asked too: a request that nobody hears of is worse than
    a holiday that is disturbed.
    """
    found = calls(able, now)
    reached = ask(approval_request, channels, [call.called for call in found if not call.passed], now)
    away = [call.called for call in found if call.passed]
    if away and len(reached) < _still_needed(approval_request, now):
        reached += ask(approval_request, channels, away, now)
    told = [
        f"{call.called} (away, but too few others are reached)" if call.passed else str(call.called)
        for call in found
        if call.called in reached
    ]
    skipped = [
        [str(call.called), why_away(call.passed[0]) if call.passed else "is reached by no channel"]
        for call in found
        if call.called not in reached
    ]
    return Asked(told, skipped, bool(away))


def _still_needed(approval_request: ApprovalRequest, now: datetime) -> int:
    given = Decision.objects.filter(
        approval_request=approval_request, kind=DecisionKind.APPROVE, lapsed=False, expires_at__gt=now
    )
    return approval_request.threshold - given.count()
