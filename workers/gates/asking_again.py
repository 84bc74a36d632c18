"""Why a call that people approved is asked about anew, in words. They are shown to the people who are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from approvals.signing import approval
from workers.gates.errors import LAPSED
from workers.gates.verdicts import has_expired


def late(people: Iterable[str], now: datetime) -> str:
    """``people`` are the ids that the approvals name."""
    return f"{_approvals_of(people)} expired before a worker was there, at {now:%Y-%m-%d %H:%M:%S} UTC."


def refused(approvals: Sequence[bytes], code: str, now: datetime) -> str:
    """Return why a worker did not run the call with ``approvals``, which verified when they came."""
    terms = [approval.parse(data).terms for data in approvals]
    people = [one.external_id for one in terms]
    if code == LAPSED or any(has_expired(one, int(now.timestamp())) for one in terms):
        return late(people, now)
    return f"{_approvals_of(people)} did not satisfy the worker ({code})."


def _approvals_of(people: Iterable[str]) -> str:
    names = sorted(set(people))
    return f"The approval{'s' if len(names) > 1 else ''} of {' and '.join(names)}"
