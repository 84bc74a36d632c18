"""The fresh second factor that a policy can ask for before an approval.

Only approving asks for it: saying no must always be easy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Person, StepUp
from accounts.passkeys.queries import has_passkey
from accounts.step_up import contracts, providers, queries
from accounts.step_up.errors import NoStepUp
from accounts.step_up.services import consume
from approvals.contracts import DecisionKind
from approvals.errors import StepUpNeeded, minutes
from approvals.models import ApprovalRequest


@dataclass(frozen=True, slots=True)
class StepUpTerms:
    """What the request page says about it. ``means``: ``passkey``, ``provider`` or ``none``."""

    purpose: str
    within: str  # in words
    means: str
    provider: str  # its name, for people
    usable_until: datetime | None  # a step-up that was given and not used yet


def use_step_up(
    person: Person, approval_request: ApprovalRequest, kind: DecisionKind, session_key: str
) -> StepUp | None:
    """9. Use up the step-up that the request asks for, in this transaction. Raises ``StepUpNeeded``."""
    seconds = approval_request.step_up_seconds
    if seconds is None or kind is not DecisionKind.APPROVE:
        return None
    purpose = contracts.approval(approval_request.pk)
    try:
        return consume(person=person, purpose=purpose, session_key=session_key, max_age_seconds=seconds)
    except NoStepUp as error:
        raise StepUpNeeded(seconds=seconds) from error


def terms(*, person: Person, request_id: str, seconds: int | None, session_key: str) -> StepUpTerms | None:
    """Return what ``person`` has to do before they approve, or None if nothing is asked."""
    if seconds is None:
        return None
    purpose = contracts.approval(request_id)
    given = queries.unused(person=person, purpose=purpose, session_key=session_key, max_age_seconds=seconds)
    own = has_passkey(person)
    provider = "" if own else providers.name_for(person)
    return StepUpTerms(
        purpose=purpose,
        within=minutes(seconds),
        means="passkey" if own else "provider" if provider else "none",
        provider=provider,
        usable_until=given.at + timedelta(seconds=seconds) if given else None,
    )
