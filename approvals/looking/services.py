"""Telling others who has a request open, so that two people do not work on one without knowing.

The first time somebody has a request open is kept: a policy can ask for time to read from there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.roles.queries import Reach
from approvals.errors import UnknownRequest
from approvals.live import bus
from approvals.live.events import Event, LiveKind
from approvals.looking.queries import LOOKING_SECONDS
from approvals.models import ApprovalRequest, Looking, Opening


@transaction.atomic
def look(*, socket: str, person: Person, request_id: str, within: Reach) -> None:
    """Note that ``person`` has the request open on ``socket``, or still has.

    Does nothing for a request that is unknown or outside of the namespaces ``within``, which they may see.
    """
    now = timezone.now()
    if Looking.objects.filter(pk=socket).update(seen_at=now):
        return
    found = ApprovalRequest.objects.filter(pk=request_id).values_list("chain", "namespace").first()
    if found is None or found[1] not in within:
        return
    # What a killed process left behind.
    Looking.objects.filter(seen_at__lt=now - timedelta(seconds=LOOKING_SECONDS)).delete()
    Looking.objects.create(socket=socket, approval_request_id=request_id, person=person, since=now, seen_at=now)
    _note_opening(person, request_id, now)
    chain, namespace = found
    bus.publish(Event(LiveKind.LOOKING, request_id, chain, namespace=namespace))


@transaction.atomic
def look_away(*, socket: str) -> None:
    """Note that ``socket`` has closed. Harmless to repeat."""
    row = Looking.objects.select_related("approval_request").filter(pk=socket).first()
    if row is not None:
        asked = row.approval_request
        row.delete()
        bus.publish(Event(LiveKind.LOOKING, asked.pk, asked.chain, namespace=asked.namespace))


def open_page(*, person: Person, request_id: str, within: Reach) -> datetime:
    """Note that ``person`` has the request before them; return when that was first. Raises ``UnknownRequest``.

    For pages and programs without a socket. The first time counts, however often it is said.
    """
    namespace = ApprovalRequest.objects.filter(pk=request_id).values_list("namespace", flat=True).first()
    if namespace is None or namespace not in within:
        raise UnknownRequest
    _note_opening(person, request_id, timezone.now())
    return Opening.objects.get(approval_request=request_id, person=person).opened_at


def _note_opening(person: Person, request_id: str, now: datetime) -> None:
    Opening.objects.bulk_create(
        [Opening(approval_request_id=request_id, person=person, opened_at=now)], ignore_conflicts=True
    )
