"""The outbox: decisions are written with what they decide, and leave until their workflow has them.

Sending twice is harmless, so a lease that runs out only means that somebody else tries as well.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from approvals.contracts import Decision as DecisionMessage
from approvals.contracts import DecisionKind, OutcomeStatus
from approvals.delivery import handoff
from approvals.delivery.contracts import Job
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.models import ApprovalRequest, Decision, Delivery
from approvals.models.delivery import UNDELIVERED
from approvals.requests import services as requests
from approvals.texts import storable
from audit.statements import cbor

LEASE_SECONDS = 15
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
MAXIMUM_ERROR = 1_000
GONE = "The workflow that asked no longer exists."


def enqueue(*, approval_request: ApprovalRequest, decisions: Sequence[Decision], at: datetime) -> None:
    """Write the delivery of ``decisions``, the last of which was just taken; call inside its transaction.

    A relay in this process gets it at once, leased to it; otherwise whichever hears of it first claims it.
    """
    take = handoff.taker()
    due_at = at + timedelta(seconds=LEASE_SECONDS) if take else at
    delivery = Delivery.objects.create(
        approval_request=approval_request, created_at=at, due_at=due_at, attempts=1 if take else 0
    )
    if take is None:
        bus.publish(
            Event(
                LiveKind.DELIVERY_DUE, approval_request.pk, approval_request.chain, namespace=approval_request.namespace
            )
        )
        return
    message = DecisionMessage(approval_request.pk)
    for decision in decisions:
        _add(message, decision)
    transaction.on_commit(partial(take, _job(delivery, message)), robust=True)


def claim(*, limit: int, lease_seconds: int) -> list[Job]:
    """Return at most ``limit`` due deliveries that nobody else has, oldest first, for ``lease_seconds``."""
    now = timezone.now()
    with transaction.atomic():
        due = Delivery.objects.filter(UNDELIVERED, due_at__lte=now).order_by("due_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        claimed = list(due.select_related("approval_request").only(*_ADDRESS)[:limit])
        if not claimed:
            return []
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(
            due_at=now + timedelta(seconds=lease_seconds), attempts=F("attempts") + 1
        )
        messages = _messages([delivery.approval_request_id for delivery in claimed])
    return [_job(delivery, messages[delivery.approval_request_id]) for delivery in claimed]


def mark_sent(*, job_id: int) -> None:
    """The workflow's server has the decision. Harmless to repeat."""
    with transaction.atomic():
        if Delivery.objects.filter(UNDELIVERED, pk=job_id).update(sent_at=timezone.now(), last_error=""):
            _publish(LiveKind.DELIVERY_SENT, job_id)


def mark_failed(*, job_id: int, error: str, gone: bool) -> None:
    """Try again later, for as long as the workflow lives; ``gone`` says that it does not."""
    with transaction.atomic():
        delivery = Delivery.objects.select_for_update().filter(UNDELIVERED, pk=job_id).first()
        if delivery is None:
            return
        if gone and _was_heard(delivery.approval_request):
            mark_sent(job_id=job_id)
            return
        now = timezone.now()
        delivery.last_error = storable(error, MAXIMUM_ERROR)
        if gone and delivery.attempts not in _AMBIGUOUS_ATTEMPTS:
            delivery.gone_at = now
            requests.withdraw(request_id=delivery.approval_request_id, reason=GONE)
        else:
            delivery.due_at = now + timedelta(seconds=_pause(delivery.attempts))
        delivery.save(update_fields=["last_error", "gone_at", "due_at"])
        _publish(LiveKind.DELIVERY_FAILED, job_id)


# An earlier try may have got through before its relay died, and the workflow have ended with it: its reports are on
# their way. Only then is it believed that the workflow was gone before.
_AMBIGUOUS_ATTEMPTS = range(2, 6)
# What a workflow can only report if it had the decision.
_HEARD = {OutcomeStatus.EXECUTED, OutcomeStatus.FAILED, OutcomeStatus.DENIED}


def _was_heard(approval_request: ApprovalRequest) -> bool:
    """Return whether the workflow had the decision, though no relay knows that it was delivered."""
    return approval_request.verified_at is not None or approval_request.outcome_status in _HEARD


def decision_of(request_id: str, *, namespace: str) -> DecisionMessage:
    """Return what a relay delivers for a request, or would have: nothing in it while people have not decided.

    A request of another namespace than ``namespace`` is none.
    """
    is_decided = Delivery.objects.filter(approval_request=request_id, approval_request__namespace=namespace).exists()
    return _messages([request_id])[request_id] if is_decided else DecisionMessage(request_id)


_ADDRESS = (
    "approval_request__namespace",
    "approval_request__workflow_id",
    "approval_request__run_id",
)


def _pause(attempts: int) -> float:
    """Return seconds: doubling from the first pause to the longest, with jitter so that a herd disperses."""
    doubled = FIRST_PAUSE_SECONDS * 2 ** min(max(attempts - 1, 0), 16)
    return min(doubled, LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.0)


def _messages(request_ids: list[str]) -> dict[str, DecisionMessage]:
    messages = {request_id: DecisionMessage(request_id) for request_id in request_ids}
    decisions = Decision.objects.filter(approval_request__in=request_ids, lapsed=False).order_by("pk")
    columns = ("kind", "public_key", "nonce", "signed", "endorsements", "approval_request__namespace")
    for decision in decisions.select_related("approval_request").only(*columns):
        _add(messages[decision.approval_request_id], decision)
    return messages


def _add(message: DecisionMessage, decision: Decision) -> None:
    side = message.approvals if decision.kind == DecisionKind.APPROVE else message.denials
    side.append(base64.b64encode(decision.signed).decode())
    texts = [base64.b64encode(envelope).decode() for envelope in cbor.decode(bytes(decision.endorsements))]
    message.endorsements.extend(text for text in texts if text not in message.endorsements)


def _job(delivery: Delivery, message: DecisionMessage) -> Job:
    approval_request = delivery.approval_request
    return Job(
        id=delivery.pk,
        namespace=approval_request.namespace,
        workflow_id=approval_request.workflow_id,
        run_id=approval_request.run_id,
        decision=message,
    )


def _publish(kind: LiveKind, job_id: int) -> None:
    columns = ApprovalRequest.objects.values_list("pk", "chain", "namespace")
    request_id, chain, namespace = columns.get(delivery=job_id)
    bus.publish(Event(kind, request_id, chain, namespace=namespace))
