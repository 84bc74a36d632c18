"""Telling others who has a request open, so that two people do not work on one without knowing."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.looking.queries import LOOKING_SECONDS
from approvals.models import ApprovalRequest, Looking


@transaction.atomic
def look(*, socket: str, person: Person, request_id: str) -> None:
    """Note that ``person`` has the request open on ``socket``, or still has; does nothing for an unknown request."""
    now = timezone.now()
    if Looking.objects.filter(pk=socket).update(seen_at=now):
        return
    chain = ApprovalRequest.objects.filter(pk=request_id).values_list("chain", flat=True).first()
    if chain is None:
        return
    # What a killed process left behind.
    Looking.objects.filter(seen_at__lt=now - timedelta(seconds=LOOKING_SECONDS)).delete()
    Looking.objects.create(socket=socket, approval_request_id=request_id, person=person, seen_at=now)
    bus.publish(Event(LiveKind.LOOKING, request_id, chain))


@transaction.atomic
def look_away(*, socket: str) -> None:
    """Note that ``socket`` has closed. Harmless to repeat."""
    row = Looking.objects.select_related("approval_request").filter(pk=socket).first()
    if row is not None:
        row.delete()
        bus.publish(Event(LiveKind.LOOKING, row.approval_request_id, row.approval_request.chain))
