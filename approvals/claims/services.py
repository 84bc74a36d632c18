"""Saying that one works on a request. It tells others; it keeps nobody from deciding."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.contracts import RequestState
from approvals.decisions.services import require_approver
from approvals.errors import ClaimedByAnother, RequestClosed
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest, Claim
from approvals.requests import transitions

# Long enough to read and ask somebody, short enough that nobody waits for a person who has gone to bed.
CLAIM_SECONDS = 300


@transaction.atomic
def claim(*, person: Person, request_id: str, take_over: int | None = None) -> Claim:
    """Note that ``person`` works on the request; again, that they still do.

    ``take_over`` is the id of another person's claim that they have seen and take over.

    1. The person approves in the request's namespace.
    2. The request still waits.
    3. Nobody else has claimed it, or theirs is the claim that is taken over.

    Raises the ``ApprovalError`` of the first that fails.
    """
    now = timezone.now()
    approval_request = transitions.lock(request_id)
    require_approver(person, approval_request.namespace)  # 1
    if approval_request.state != RequestState.OPEN or approval_request.expires_at <= now:  # 2
        raise RequestClosed("This request no longer waits for a decision: there is nothing to claim.")
    standing = Claim.objects.select_related("person").filter(approval_request=approval_request, ended_at=None).first()
    # Whole seconds: a page that counts down asks again when it is over, not a moment too early.
    until = (now + timedelta(seconds=CLAIM_SECONDS)).replace(microsecond=0)
    taken_from = None
    if standing is not None:
        is_live = standing.until > now
        if is_live and standing.person_id == person.pk:
            standing.until = until
            standing.save(update_fields=["until"])
            _publish(approval_request)
            return standing
        if is_live and standing.pk != take_over:  # 3
            raise ClaimedByAnother(person=standing.person.display_name, at=standing.claimed_at, until=standing.until)
        taken_from = standing.person if is_live else None
        standing.ended_at = min(now, standing.until)
        standing.save(update_fields=["ended_at"])
    _publish(approval_request)
    return Claim.objects.create(
        approval_request=approval_request, person=person, claimed_at=now, until=until, taken_from=taken_from
    )


@transaction.atomic
def release(*, person: Person, request_id: str) -> None:
    """Give ``person``'s claim back; harmless without one. Raises ``UnknownRequest`` and ``NotAnApprover``."""
    approval_request = transitions.lock(request_id)
    require_approver(person, approval_request.namespace)
    own = Claim.objects.filter(approval_request=approval_request, person=person, ended_at=None)
    if own.update(ended_at=timezone.now()):
        _publish(approval_request)


def _publish(approval_request: ApprovalRequest) -> None:
    namespace = approval_request.namespace
    bus.publish(Event(LiveKind.CLAIMED, approval_request.pk, approval_request.chain, namespace=namespace))
